import type { Sampling } from "../../src/shared/protocol";
import type { Prompt } from "../backends/backend";

const MAX_PROMPTS = 8;

/** Comparisons of answers that decide how much of the next one is expected. */
const COMPARED = 2;

/** Shorter drafts take longer to verify than they save. */
const MIN_LENGTH = 4;

interface Entry {
  readonly ids: readonly number[];
  /** How many tokens of an answer began the next one, for the last pairs of
   * answers; Infinity where all did. */
  readonly held: readonly number[];
}

/**
 * The previous answer to each prompt, regardless of its images. A scene changes
 * less often than its frames, so that answer is a good draft of the next one.
 *
 * Where it is not, as with cuts, a draft only costs time. So only as many of its
 * tokens are a draft as held once in the last two answers, whether or not they were
 * drafts.
 *
 * Holds greedy answers without a repetition penalty only: the tokens of others
 * rarely repeat.
 */
export class DraftCache {
  /** In order of use, the latest last. */
  readonly #entries = new Map<string, Entry>();

  /** Empty if there is none. */
  get({ texts }: Pick<Prompt, "texts">, sampling: Sampling): readonly number[] {
    if (!isRepeatable(sampling)) return [];
    const entry = this.#entries.get(JSON.stringify(texts));
    if (entry === undefined) return [];
    const { ids, held } = entry;
    const expected = held.length === 0 ? Infinity : Math.max(...held);
    return expected < MIN_LENGTH ? [] : ids.slice(0, expected);
  }

  set(
    { texts }: Pick<Prompt, "texts">,
    sampling: Sampling,
    ids: readonly number[],
  ): void {
    if (!isRepeatable(sampling)) return;
    const key = JSON.stringify(texts);
    const previous = this.#entries.get(key);
    const held = previous
      ? [...previous.held, tokensHeld(previous.ids, ids)].slice(-COMPARED)
      : [];
    this.#entries.delete(key);
    this.#entries.set(key, { ids: [...ids], held });
    const [oldest] = this.#entries.keys();
    if (this.#entries.size > MAX_PROMPTS && oldest !== undefined) {
      this.#entries.delete(oldest);
    }
  }
}

/** How many tokens of an answer begin the next one; Infinity if all do. */
function tokensHeld(
  answer: readonly number[],
  next: readonly number[],
): number {
  const end = answer.findIndex((id, i) => id !== next[i]);
  return end < 0 ? Infinity : end;
}

function isRepeatable(sampling: Sampling): boolean {
  return sampling.temperature === 0 && sampling.repetitionPenalty === 1;
}
