import type { WorkerHandle } from "../runtime/worker-handle";
import { aborted } from "../shared/abort";
import { now } from "../shared/clock";
import type { VlmError } from "../shared/errors";
import type {
  Frame,
  GenerateOptions,
  ImageEvent,
  TokenEvent,
} from "../shared/protocol";
import type { AnswerDone, AnswerTimings } from "./answer-stream";
import type { LiveFrame } from "./live-frame";

/** A request that is ready to be sent. */
export interface AnswerRequest {
  readonly options: GenerateOptions;
  /** One for each frame; an equal id is the same image, null a new one. */
  readonly imageIds: readonly (string | null)[];
  /** Closed once they are sent, or if that fails. */
  readonly frames: readonly Frame[];
  /** Time of capture, or of the call for sources that are read at the call. */
  readonly time: number;
  readonly dropped?: number;
  /** A live source: a frame that is newer than the one above. */
  readonly newer?: LiveFrame["newer"];
}

export interface AnswerListener {
  /** Aborting it rejects with `aborted`. */
  readonly signal: AbortSignal;
  /** Aborting it resolves with the answer so far, of finish `abort`. */
  readonly left?: AbortSignal;
  readonly onEvent?: (event: ImageEvent | TokenEvent) => void;
  /** The frames are handed to the worker. */
  readonly onFrame?: (frame: Pick<LiveFrame, "time" | "dropped">) => void;
}

/** @internal What the element shows while answers arrive. */
export interface AnswerObserver {
  readonly onFrame?: AnswerListener["onFrame"];
  readonly onToken?: (event: TokenEvent) => void;
  /** A frame of a live source failed; the next one is tried. */
  readonly onError?: (error: VlmError) => void;
}

/** An answer, and the capture time of the frame it is about. */
export interface Answered extends Pick<LiveFrame, "time" | "dropped"> {
  readonly done: AnswerDone;
}

export async function answer(
  handle: WorkerHandle,
  request: AnswerRequest,
  { signal, left = signal, onEvent, onFrame }: AnswerListener,
): Promise<Answered> {
  const { options, frames, imageIds, newer } = request;
  let { time, dropped = 0 } = request;
  let firstToken: number | undefined;
  const close = (): void => frames.forEach((frame) => frame.close());
  const answer = await handle
    .generate({
      options,
      signal: AbortSignal.any([signal, left]),
      take: async () => {
        const newest = await newer?.();
        if (newest) {
          close();
          ({ time, dropped } = newest);
        }
        onFrame?.({ time, dropped });
        return { frames: newest ? [newest.frame] : frames, imageIds };
      },
      onImage: (event) => onEvent?.(event),
      onToken: (event) => {
        firstToken ??= now();
        onEvent?.(event);
      },
    })
    .finally(close);
  if (answer.finish === "abort" && signal.aborted) throw aborted();
  const ttft = firstToken === undefined ? undefined : firstToken - time;
  const timings: AnswerTimings =
    ttft === undefined
      ? answer.timings
      : { ...answer.timings, ttft, wait: ttft - answer.timings.firstToken };
  return { done: { ...answer, type: "done", timings }, time, dropped };
}
