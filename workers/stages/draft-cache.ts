import type { Sampling } from "../../src/shared/protocol";
import type { Prompt } from "../backends/backend";

/** Prompts whose last answer is remembered. */
const MAX_PROMPTS = 8;

/**
 * The last answer to each prompt, whatever its pictures were. Scenes change
 * less often than frames, so it is a good guess at the next answer.
 */
export class DraftCache {
  /** The one used last comes last. */
  readonly #answers = new Map<string, readonly number[]>();

  /** Empty where tokens are drawn or depend on earlier ones: a guess would
   * rarely hold. */
  of({ texts }: Pick<Prompt, "texts">, sampling: Sampling): readonly number[] {
    if (!isPlainGreedy(sampling)) return [];
    return this.#answers.get(JSON.stringify(texts)) ?? [];
  }

  remember(
    { texts }: Pick<Prompt, "texts">,
    sampling: Sampling,
    ids: readonly number[],
  ): void {
    if (!isPlainGreedy(sampling)) return;
    const key = JSON.stringify(texts);
    this.#answers.delete(key);
    this.#answers.set(key, [...ids]);
    const [oldest] = this.#answers.keys();
    if (this.#answers.size > MAX_PROMPTS && oldest !== undefined) {
      this.#answers.delete(oldest);
    }
  }

  forget(): void {
    this.#answers.clear();
  }
}

function isPlainGreedy(sampling: Sampling): boolean {
  return sampling.temperature === 0 && sampling.repetitionPenalty === 1;
}
