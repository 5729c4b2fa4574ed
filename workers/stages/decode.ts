import type { FinishReason } from "../../src/shared/protocol";
import type { Generation } from "../backends/backend";
import { nextTask } from "../util/scheduler";

/** When an answer ends. */
export interface StopRules {
  readonly endTokens: ReadonlySet<number>;
  /** Tokens at most. */
  readonly room: number;
  readonly signal: AbortSignal;
}

/** Tokens as they come, one or several at once, until a rule. */
export async function* decode(
  generation: Generation,
  { endTokens, room, signal }: StopRules,
): AsyncGenerator<readonly number[], FinishReason> {
  for (let left = room; ;) {
    await nextTask();
    if (signal.aborted) return "abort";
    const ids = await generation.next(left);
    // An abort that came while the GPU was at work.
    await nextTask();
    if (signal.aborted) return "abort";
    const end = ids.findIndex((id) => endTokens.has(id));
    if (end !== 0) yield end < 0 ? ids : ids.slice(0, end);
    if (end >= 0) return "stop";
    left -= ids.length;
    if (left <= 0) return "length";
  }
}
