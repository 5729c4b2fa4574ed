import type { Lease } from "../runtime/lease";
import { aborted } from "../aborted";
import { now } from "../shared/clock";
import type { DescribeOptions, Frame } from "../shared/protocol";
import type { LiveFrame } from "./live-frame";
import type { AnswerTimings, Done, Step } from "./steps";

/** A question, ready to be asked. */
export interface Question {
  readonly run: Omit<DescribeOptions, "run">;
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
  lease: Lease,
  { run, frames, newer, ...question }: Question,
  signal: AbortSignal,
  left: AbortSignal = signal,
  emit: (step: Step) => void = () => undefined,
): Promise<Done> {
  let { time } = question;
  let first: number | undefined;
  const answer = await lease.describe(frames, run, {
    signal: AbortSignal.any([signal, left]),
    renew: async () => {
      const newest = await newer?.();
      if (!newest) return undefined;
      time = newest.time;
      return [newest.frame];
    },
    onImage: ({ imageTokens, reused, unchanged }) => {
      emit({ type: "image", imageTokens, reused, unchanged });
    },
    onToken: ({ id, text, timings }) => {
      first ??= now();
      emit({ type: "token", id, text, ...(timings && { timings }) });
    },
  });
  if (answer.finish === "abort" && signal.aborted) throw aborted();
  const ttft = first === undefined ? undefined : first - time;
  const timings: AnswerTimings =
    ttft === undefined
      ? answer.timings
      : { ...answer.timings, ttft, wait: ttft - answer.timings.firstToken };
  return { ...answer, type: "done", timings };
}
