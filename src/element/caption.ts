import type { Lease } from "../lease";
import type { TokenEvent } from "../run";
import { now } from "../shared/clock";
import type { Answer, DescribeOptions, Frame } from "../shared/protocol";
import type { CaptionDetail } from "./events";
import { painted } from "./painted";

/** Pictures to ask about, and when the newest of them was. */
export interface Taken {
  readonly frames: readonly Frame[];
  /** An equal name is the same picture; null: nobody has seen it before. */
  readonly names: readonly (string | null)[];
  readonly time: number;
  readonly dropped: number;
}

export interface CaptionListener {
  readonly signal: AbortSignal;
  readonly onStart: () => void;
  /** Resolves when the token's text is in the document. */
  readonly onToken: (event: TokenEvent) => Promise<unknown>;
}

/** A question from capture to its last token, timed as a person sees it. */
export async function captionFrame(
  lease: Lease,
  captured: Taken,
  options: Omit<DescribeOptions, "run">,
  listener: CaptionListener,
): Promise<{ answer: Answer; detail: CaptionDetail }> {
  let firstToken = 0;
  let firstPaint: Promise<number | undefined> | undefined;
  const { frames, names } = captured;
  const answer = await lease.describe(
    frames,
    { ...options, names },
    {
      signal: listener.signal,
      onStart: listener.onStart,
      onToken: (event) => {
        firstToken ||= now();
        const rendered = listener.onToken(event);
        if (event.text) firstPaint ??= rendered.then(painted);
      },
    },
  );

  const age = now() - captured.time;
  const paintedAt = await firstPaint;
  const ttft = paintedAt === undefined ? undefined : paintedAt - captured.time;
  const paint = paintedAt === undefined ? undefined : paintedAt - firstToken;
  const known = ttft !== undefined && paint !== undefined;
  const wait = known ? ttft - paint - answer.timings.firstToken : 0;
  const { time, dropped } = captured;
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
