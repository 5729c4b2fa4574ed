/** What a decoder writes for bytes that are not yet a whole character. */
const BROKEN = "\uFFFD";

/**
 * Tokens to text as they come. A token may end inside a character: its text is
 * held back until the character is whole. Only the last few tokens are decoded
 * again, since what they read as can depend on the one before.
 */
export class Detokenizer {
  readonly #decode: (ids: readonly number[]) => string;
  #ids: number[] = [];
  /** How many of `#ids` have been written already; kept for context. */
  #written = 0;

  constructor(decode: (ids: readonly number[]) => string) {
    this.#decode = decode;
  }

  /** The text that `id` completes; empty inside a character. */
  push(id: number): string {
    this.#ids.push(id);
    const text = this.#decode(this.#ids);
    if (text.endsWith(BROKEN)) return "";
    return this.#write(text);
  }

  /** What is still held back, broken or not. */
  flush(): string {
    return this.#write(this.#decode(this.#ids));
  }

  #write(text: string): string {
    const before = this.#decode(this.#ids.slice(0, this.#written));
    this.#ids = this.#ids.slice(this.#written);
    this.#written = this.#ids.length;
    return text.slice(before.length);
  }
}
