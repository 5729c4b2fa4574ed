import { pause } from "../shared/abort";
import { aborted } from "../shared/abort";
import { now } from "../shared/clock";
import { VlmError } from "../shared/errors";
import { openLive, type LiveSource } from "./live-source";
import type { LiveFrame } from "./live-frame";
import type { AnswerDone } from "./answer-stream";

/** What was said about one frame of a live source. */
export interface Caption extends Omit<AnswerDone, "type"> {
  readonly type: "caption";
  readonly prompt: string;
  /** When the frame was captured, in ms since the epoch. */
  readonly time: number;
  /** How old it was when its caption was complete, in ms. */
  readonly age: number;
  /** Frames that came since the one before and were not looked at. */
  readonly dropped: number;
}

type Ask = (
  captured: LiveFrame,
  signal: AbortSignal,
) => Promise<{ readonly prompt: string; readonly done: AnswerDone }>;

/** Failures in a row after which it gives up. */
const attempts = 3;

/** A reader that leaves, or `signal`, ends what is on its way, too. */
export function watch(
  source: LiveSource,
  signal: AbortSignal,
  ask: Ask,
): AsyncIterable<Caption, undefined> {
  const over = { done: true, value: undefined } as const;
  const read = (): AsyncIterator<Caption, undefined> => {
    const leave = new AbortController();
    const either = AbortSignal.any([signal, leave.signal]);
    const captions = captionsOf(source, either, ask);
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
  source: LiveSource,
  signal: AbortSignal,
  ask: Ask,
): AsyncGenerator<Caption, undefined> {
  if (signal.aborted) throw aborted();
  const frames = await openLive(source, signal);
  let failures = 0;
  try {
    for (;;) {
      const captured = await frames.next();
      if (signal.aborted) throw aborted();
      if (!captured) return undefined;
      let { time, dropped } = captured;
      const newer = async (): Promise<LiveFrame | undefined> => {
        const newest = await captured.newer?.();
        if (newest) ({ time, dropped } = newest);
        return newest;
      };
      try {
        const { prompt, done } = await ask({ ...captured, newer }, signal);
        failures = 0;
        const age = now() - time;
        yield { ...done, type: "caption", prompt, time, age, dropped };
      } catch (thrown) {
        failures += 1;
        if (!isPassing(thrown) || failures === attempts) throw thrown;
        await pause(500 * failures, signal);
      } finally {
        captured.frame.close();
      }
    }
  } finally {
    frames.close();
  }
}

/** The next frame brings worker and model back. */
function isPassing(thrown: unknown): boolean {
  const { code } = VlmError.from(thrown);
  return code === "worker-died" || code === "device-lost";
}
