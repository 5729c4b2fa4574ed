import type { FrameSource } from "../capture/frame-source";
import { pageVisible } from "../capture/page-visibility";
import { aborted, pause } from "../shared/abort";
import { now } from "../shared/clock";
import { VlmError } from "../shared/errors";
import type { Answered, AnswerObserver, AnswerRequest } from "./answer";
import type { AnswerDone } from "./answer-stream";

/** An answer about one frame. */
export interface Caption extends Omit<AnswerDone, "type"> {
  readonly type: "caption";
  readonly prompt: string;
  /** Encoder input size in pixels. */
  readonly size: number;
  /** Time of capture, in ms since the epoch. */
  readonly time: number;
  /** Age of the frame when its caption was complete, in ms. */
  readonly age: number;
  /** Frames skipped since the previous caption. */
  readonly dropped: number;
  /** Whether the frame was compared with the last encoded one. */
  readonly gated: boolean;
}

export function toCaption(
  { done, time, dropped }: Answered,
  { messages, size, gate, anyres }: AnswerRequest["options"],
): Caption {
  return {
    ...done,
    type: "caption",
    prompt: messages.at(-1)?.text ?? "",
    ...{ size, time, dropped, age: now() - time },
    gated: gate > 0 && !anyres && done.reused === 0,
  };
}

export interface Watching {
  /** Opens the source until `signal` aborts. */
  readonly open: (signal: AbortSignal) => FrameSource | Promise<FrameSource>;
  /** What will be asked about the next frame. */
  readonly question: () => string;
  /** Whether frames are captioned while the page is hidden, too. */
  readonly whileHidden: () => boolean;
  /** Captions the newest frame of a source that is ready; with finish `abort` if it
   * is unchanged. */
  readonly ask: (source: FrameSource, signal: AbortSignal) => Promise<Caption>;
  readonly onError: AnswerObserver["onError"];
}

/** Failures in a row that end the captions. */
const maxFailures = 3;

/** Time in ms after an unchanged frame at which the next one is compared. */
const compareEvery = 250;

/**
 * Captions one frame after another. Waits while the page is hidden. A lost worker or
 * GPU is recovered from, and so is every failure that `onError` reports; the
 * third one in a row is thrown. A reader that leaves ends the request in
 * progress, and so does `signal`.
 */
export function watch(
  watching: Watching,
  signal: AbortSignal,
): AsyncIterable<Caption, undefined> {
  const over = { done: true, value: undefined } as const;
  const read = (): AsyncIterator<Caption, undefined> => {
    const leave = new AbortController();
    const either = AbortSignal.any([signal, leave.signal]);
    const captions = captionsOf(watching, either);
    return {
      next: () =>
        captions.next().catch((thrown: unknown) => {
          if (leave.signal.aborted) return over;
          throw VlmError.from(thrown);
        }),
      return: async () => {
        leave.abort();
        await captions.return(undefined).catch(() => undefined);
        return over;
      },
    };
  };
  return { [Symbol.asyncIterator]: read };
}

async function* captionsOf(
  { open, question, whileHidden, ask, onError }: Watching,
  signal: AbortSignal,
): AsyncGenerator<Caption, undefined> {
  if (signal.aborted) throw aborted();
  const closing = new AbortController();
  const source = await open(AbortSignal.any([signal, closing.signal]));
  let failures = 0;
  /** Unchanged frames since the last caption. */
  let unchanged = 0;
  try {
    for (;;) {
      try {
        if (!whileHidden()) await pageVisible(signal);
        if (!(await source.ready(signal, question))) return undefined;
        if (signal.aborted) throw aborted();
        const caption = await ask(source, signal);
        failures = 0;
        const dropped = caption.dropped + unchanged;
        if (caption.finish === "abort") {
          unchanged = dropped + 1;
          await pause(compareEvery, signal);
        } else {
          unchanged = 0;
          yield { ...caption, dropped };
        }
      } catch (thrown) {
        if (signal.aborted) throw aborted();
        const error = VlmError.from(thrown);
        // Another model replaced the one that the request waited for, or the
        // frame was gone when its turn came.
        if (error.code === "aborted") continue;
        failures += 1;
        if (failures === maxFailures) throw error;
        if (!onError && !isTransient(error)) throw error;
        onError?.(error);
        await pause(500 * failures, signal);
      }
    }
  } finally {
    closing.abort();
  }
}

/** The next request brings the worker and the model back. */
function isTransient({ code }: VlmError): boolean {
  return code === "worker-died" || code === "device-lost";
}
