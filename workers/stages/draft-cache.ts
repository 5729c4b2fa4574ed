import type { Sampling } from "../../src/shared/protocol";
import type { Prompt } from "../backends/backend";

const MAX_PROMPTS = 8;

/**
 * The previous answer to each prompt, regardless of its images. A scene changes
 * less often than its frames, so that answer is a good draft of the next one.
 *
 * Holds greedy answers without a repetition penalty only: the tokens of others
 * rarely repeat.
 */
export class DraftCache {
  /** In order of use, the latest last. */
  readonly #answers = new Map<string, readonly number[]>();

  /** Empty if there is none. */
  get({ texts }: Pick<Prompt, "texts">, sampling: Sampling): readonly number[] {
    if (!isRepeatable(sampling)) return [];
    return this.#answers.get(JSON.stringify(texts)) ?? [];
  }

  set(
    { texts }: Pick<Prompt, "texts">,
    sampling: Sampling,
    ids: readonly number[],
  ): void {
    if (!isRepeatable(sampling)) return;
    const key = JSON.stringify(texts);
    this.#answers.delete(key);
    this.#answers.set(key, [...ids]);
    const [oldest] = this.#answers.keys();
    if (this.#answers.size > MAX_PROMPTS && oldest !== undefined) {
      this.#answers.delete(oldest);
    }
  }
}

function isRepeatable(sampling: Sampling): boolean {
  return sampling.temperature === 0 && sampling.repetitionPenalty === 1;
}
