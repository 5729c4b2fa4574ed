import type { FinishReason } from "../src/shared/protocol";
import type { KvCache } from "./kv-cache";
import type { LanguageModel } from "./language";
import type { Sampler } from "./sampling";
import { nextTask } from "./task";

/** When an answer ends. */
export interface StopRules {
  readonly endTokens: ReadonlySet<number>;
  readonly maxTokens: number;
  readonly contextLength: number;
  readonly signal: AbortSignal;
}

/** One token a step, from the logits that the prefill left, until a rule. */
export async function* decode(
  language: LanguageModel,
  cache: KvCache,
  first: Float32Array,
  sampler: Sampler,
  rules: StopRules,
): AsyncGenerator<number, FinishReason> {
  let logits = first;
  for (let count = 1; ; count++) {
    await nextTask();
    if (rules.signal.aborted) return "abort";
    const id = sampler.next(logits);
    if (rules.endTokens.has(id)) return "stop";
    yield id;
    const full = cache.length >= rules.contextLength;
    if (full || count === rules.maxTokens) return "length";
    const embeds = await language.embed([id]);
    try {
      logits = await language.forward(embeds, cache);
    } finally {
      embeds.dispose();
    }
  }
}
