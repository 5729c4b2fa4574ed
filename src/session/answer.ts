import type { CapturedFrame } from "../capture/frame-source";
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

/** The frames of a request. */
export interface TakenFrames {
  /** Closed once they are transferred. */
  readonly frames: readonly Frame[];
  /** One for each frame; an equal id is the same image, null a new one. */
  readonly imageIds: readonly (string | null)[];
  /** Time of capture, or of the call for sources that are read at the call. */
  readonly time: number;
  readonly dropped?: number;
}

export interface AnswerRequest {
  readonly options: GenerateOptions;
  /** Called when the request's turn has come. Undefined withdraws the request,
   * which rejects with `aborted`. */
  readonly take: (
    signal: AbortSignal,
  ) => TakenFrames | undefined | Promise<TakenFrames | undefined>;
}

/** When the frame of a request was captured, and how many were dropped. */
export type FrameTiming = Pick<CapturedFrame, "time" | "dropped">;

/** Frames that are handed to the worker, and closed afterwards. */
export type SentFrames = TakenFrames & FrameTiming;

export interface AnswerListener {
  /** Aborting it rejects with `aborted`. */
  readonly signal: AbortSignal;
  /** Aborting it resolves with the answer so far, with finish `abort`. */
  readonly left?: AbortSignal;
  readonly onEvent?: (event: ImageEvent | TokenEvent) => void;
  readonly onFrame?: (sent: SentFrames) => void;
}

/** What the element shows while answers arrive. */
export interface AnswerObserver {
  readonly onFrame?: AnswerListener["onFrame"];
  readonly onToken?: (event: TokenEvent) => void;
  /** A frame of a live source failed; the next one is tried. */
  readonly onError?: (error: VlmError) => void;
}

/** An answer, and the capture time of the frame it is about. */
export interface Answered extends FrameTiming {
  readonly done: AnswerDone;
}

export async function answer(
  handle: WorkerHandle,
  request: AnswerRequest,
  { signal, left = signal, onEvent, onFrame }: AnswerListener,
): Promise<Answered> {
  let time = 0;
  let dropped = 0;
  let firstToken: number | undefined;
  const answer = await handle.generate({
    options: request.options,
    signal: AbortSignal.any([signal, left]),
    take: async (until) => {
      const taken = await request.take(until);
      if (!taken) return undefined;
      ({ time, dropped = 0 } = taken);
      onFrame?.({ ...taken, dropped });
      return taken;
    },
    onImage: (event) => onEvent?.(event),
    onToken: (event) => {
      firstToken ??= now();
      onEvent?.(event);
    },
  });
  if (answer.finish === "abort" && signal.aborted) throw aborted();
  const ttft = firstToken === undefined ? undefined : firstToken - time;
  const timings: AnswerTimings =
    ttft === undefined
      ? answer.timings
      : { ...answer.timings, ttft, wait: ttft - answer.timings.firstToken };
  return { done: { ...answer, type: "done", timings }, time, dropped };
}
