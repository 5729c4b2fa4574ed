import type { CapturedFrame } from "../capture/frame-slot";
import type { WorkerHandle } from "../runtime/worker-handle";
import { now } from "../shared/clock";
import type {
  Answer,
  Frame,
  GenerateOptions,
  TokenEvent,
} from "../shared/protocol";
import type { CaptionDetail } from "./events";
import { afterPaint } from "./after-paint";

/** Pictures to ask about, and when the newest of them was. */
export interface Taken {
  readonly frames: readonly Frame[];
  /** An equal name is the same picture; null: nobody has seen it before. */
  readonly names: readonly (string | null)[];
  readonly time: number;
  readonly dropped: number;
  /** Of a live source: what has come since then. */
  readonly newer?: CapturedFrame["newer"];
}

export interface CaptionListener {
  readonly signal: AbortSignal;
  /** The frame that is looked at. */
  readonly onStart: (frame: Pick<Taken, "time" | "dropped">) => void;
  /** Resolves when the token's text is in the document. */
  readonly onToken: (event: TokenEvent) => Promise<unknown>;
}

/** A question from capture to its last token, timed as a person sees it. */
export async function captionFrame(
  lease: WorkerHandle,
  captured: Taken,
  options: GenerateOptions,
  listener: CaptionListener,
): Promise<{ answer: Answer; detail: CaptionDetail }> {
  let firstToken = 0;
  let firstPaint: Promise<number | undefined> | undefined;
  const { frames, names, newer } = captured;
  let { time, dropped } = captured;
  const answer = await lease.generate({
    options,
    signal: listener.signal,
    take: () => {
      const newest = newer?.();
      if (newest) {
        ({ time, dropped } = newest);
        for (const frame of frames) frame.close();
      }
      listener.onStart({ time, dropped });
      return { frames: newest ? [newest.frame] : frames, imageIds: names };
    },
    onToken: (event) => {
      firstToken ||= now();
      const rendered = listener.onToken(event);
      if (event.text) firstPaint ??= rendered.then(afterPaint);
    },
  });

  const age = now() - time;
  const paintedAt = await firstPaint;
  const ttft = paintedAt === undefined ? undefined : paintedAt - time;
  const paint = paintedAt === undefined ? undefined : paintedAt - firstToken;
  const known = ttft !== undefined && paint !== undefined;
  const wait = known ? ttft - paint - answer.timings.firstToken : 0;
  const { size, gate, anyres } = options;
  const prompt = options.messages.at(-1)?.text ?? "";
  const detail = {
    ...answer,
    timings: { ...answer.timings, ...(known ? { ttft, wait, paint } : {}) },
    prompt,
    size,
    time,
    age,
    dropped,
    gated: gate > 0 && !anyres && answer.reused === 0,
  };
  return { answer, detail };
}
