import type { WorkerHandle } from "../runtime/worker-handle";
import { aborted } from "../shared/abort";
import { now } from "../shared/clock";
import type { GenerateOptions, Frame } from "../shared/protocol";
import type { LiveFrame } from "./live-frame";
import type { AnswerTimings, AnswerDone, AnswerEvent } from "./answer-stream";

/** A question, ready to be asked. */
export interface AnswerRequest {
  readonly run: GenerateOptions;
  /** Consumed. */
  readonly frames: readonly Frame[];
  /** When it was asked, or its frame captured. */
  readonly time: number;
  /** Of a live source: what has come since then. */
  readonly newer?: LiveFrame["newer"];
}

/**
 * `signal` ends it with `aborted`; `left`, when nobody waits for it any more,
 * with what was said so far.
 */
export async function answer(
  lease: WorkerHandle,
  { run, frames, newer, ...question }: AnswerRequest,
  signal: AbortSignal,
  left: AbortSignal = signal,
  emit: (step: AnswerEvent) => void = () => undefined,
): Promise<AnswerDone> {
  let { time } = question;
  let first: number | undefined;
  const answer = await lease
    .generate({
      options: run,
      signal: AbortSignal.any([signal, left]),
      take: async () => {
        const newest = await newer?.();
        const { imageIds } = run;
        const ids = imageIds && { imageIds };
        if (!newest) return { frames, ...ids };
        for (const frame of frames) frame.close();
        time = newest.time;
        return { frames: [newest.frame], ...ids };
      },
      onImage: emit,
      onToken: (event) => {
        first ??= now();
        emit(event);
      },
    })
    .finally(() => {
      for (const frame of frames) frame.close();
    });
  if (answer.finish === "abort" && signal.aborted) throw aborted();
  const ttft = first === undefined ? undefined : first - time;
  const timings: AnswerTimings =
    ttft === undefined
      ? answer.timings
      : { ...answer.timings, ttft, wait: ttft - answer.timings.firstToken };
  return { ...answer, type: "done", timings };
}
