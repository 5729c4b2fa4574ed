/** A decoder's output for an incomplete character. */
const BROKEN = "\uFFFD";

/**
 * Decodes tokens one by one. Text is held back while a token ends inside a
 * character. Only the last few tokens are decoded again, because their text can
 * depend on the token before.
 */
export class Detokenizer {
  readonly #decode: (ids: readonly number[]) => string;
  #ids: number[] = [];
  /** Number of `#ids` that are written and kept for context. */
  #written = 0;

  constructor(decode: (ids: readonly number[]) => string) {
    this.#decode = decode;
  }

  /** The text that the token completes; empty inside a character. */
  push(id: number): string {
    this.#ids.push(id);
    const text = this.#decode(this.#ids);
    if (text.endsWith(BROKEN)) return "";
    return this.#write(text);
  }

  /** The text that is still held back, complete or not. */
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
