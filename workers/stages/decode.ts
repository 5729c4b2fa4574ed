import type { FinishReason } from "../../src/shared/protocol";
import type { Generation } from "../backends/backend";
import { checkpoint } from "../util/scheduler";

interface StopRules {
  readonly endTokens: ReadonlySet<number>;
  /** Maximum number of tokens. */
  readonly limit: number;
  readonly signal: AbortSignal;
}

/**
 * Generates tokens until an end token or the limit, and passes on each batch
 * without the end token. Rejects with `Stopped` when the signal is aborted.
 */
export async function decode(
  generation: Generation,
  { endTokens, limit, signal }: StopRules,
  onTokens: (ids: readonly number[]) => void,
): Promise<Exclude<FinishReason, "abort">> {
  await checkpoint(signal);
  for (let left = limit; left > 0;) {
    const ids = await generation.next(left);
    // The abort may have arrived while the GPU was busy.
    await checkpoint(signal);
    const end = ids.findIndex((id) => endTokens.has(id));
    if (end !== 0) onTokens(end < 0 ? ids : ids.slice(0, end));
    if (end >= 0) return "stop";
    left -= ids.length;
  }
  return "length";
}
