/**
 * Says whole sentences to assistive technology, apart from the text that
 * streams: only when they change, the latest one, and not too often.
 */
export class Announcer {
  readonly #say: (text: string) => void;
  readonly #every: number;
  #said = "";
  #next = "";
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(say: (text: string) => void, every = 3000) {
    this.#say = say;
    this.#every = every;
  }

  announce(text: string): void {
    this.#next = text;
    if (this.#timer === undefined) this.#speak();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#next = this.#said;
  }

  #speak(): void {
    this.#timer = undefined;
    if (this.#next === this.#said) return;
    this.#said = this.#next;
    this.#say(this.#said);
    this.#timer = setTimeout(() => this.#speak(), this.#every);
  }
}
