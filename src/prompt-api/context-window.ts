import { quotaExceeded } from "./errors";
import { holdImages, releaseImages } from "./held-images";
import type { LanguageModelRole } from "./types";

/** A message of the conversation. */
export interface ContextEntry {
  readonly role: LanguageModelRole;
  readonly text: string;
  readonly images: readonly ImageBitmap[];
  /** Tokens of the context that it uses. */
  readonly tokens: number;
}

/** Tokens to leave for an answer. */
const ANSWER_TOKENS = 128;

/** The messages of a session, whose images it holds, and the tokens that they
 * use. */
export class ContextWindow {
  /** Tokens in all. */
  readonly size: number;
  readonly #initial: readonly ContextEntry[];
  #entries: readonly ContextEntry[] = [];

  constructor(size: number, initial: readonly ContextEntry[]) {
    this.size = size;
    this.#initial = initial;
    this.#check(tokensOf(initial));
    this.#replace(initial);
  }

  get entries(): readonly ContextEntry[] {
    return this.#entries;
  }

  get usage(): number {
    return tokensOf(this.#entries);
  }

  /** Tokens left. */
  get left(): number {
    return this.size - this.usage;
  }

  clone(): ContextWindow {
    const copy = new ContextWindow(this.size, this.#initial);
    copy.#replace(this.#entries);
    return copy;
  }

  /**
   * Evicts the oldest messages, but never the initial ones, until this many
   * tokens and an answer fit. Returns whether any message was evicted.
   * @throws QuotaExceededError if they do not fit beside the initial messages
   */
  makeRoom(tokens: number): boolean {
    this.#check(tokensOf(this.#initial) + tokens);
    const before = this.#entries.length;
    const most = this.size - tokens;
    const kept = [...this.#entries.slice(this.#initial.length)];
    const usage = (): number => tokensOf(this.#initial) + tokensOf(kept);
    if (usage() >= most) {
      const spare = Math.min(ANSWER_TOKENS, Math.floor(this.size / 4));
      // Answers are evicted with their questions.
      while (
        kept.length > 0 &&
        (usage() > most - spare || kept[0]?.role === "assistant")
      ) {
        kept.shift();
      }
    }
    this.#replace([...this.#initial, ...kept]);
    return this.#entries.length < before;
  }

  add(entries: readonly ContextEntry[]): void {
    this.#replace([...this.#entries, ...entries]);
  }

  /** Closes the images that no clone holds. */
  close(): void {
    releaseImages(imagesOf(this.#entries));
  }

  #replace(entries: readonly ContextEntry[]): void {
    holdImages(imagesOf(entries));
    releaseImages(imagesOf(this.#entries));
    this.#entries = entries;
  }

  #check(tokens: number): void {
    if (tokens > this.size) throw quotaExceeded(tokens, this.size);
  }
}

function imagesOf(entries: readonly ContextEntry[]): ImageBitmap[] {
  return entries.flatMap(({ images }) => images);
}

export function tokensOf(entries: readonly ContextEntry[]): number {
  return entries.reduce((sum, { tokens }) => sum + tokens, 0);
}
