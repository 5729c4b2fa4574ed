/** A sentence, and its language if that is not the element's. */
export interface Announcement {
  readonly text: string;
  readonly lang?: string;
}

/**
 * Says whole sentences to assistive technology, apart from the text that
 * streams: only when they change, the latest one, and not too often.
 */
export class LiveRegion {
  readonly #say: (announcement: Announcement) => void;
  readonly #every: number;
  #said: Announcement = { text: "" };
  #next = this.#said;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(say: (announcement: Announcement) => void, every = 3000) {
    this.#say = say;
    this.#every = every;
  }

  announce(announcement: Announcement): void {
    this.#next = announcement;
    if (this.#timer === undefined) this.#speak();
  }

  /** Nothing is said any more, and may be said again. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#next = this.#said = { text: "" };
    this.#say(this.#said);
  }

  #speak(): void {
    this.#timer = undefined;
    if (this.#next.text === this.#said.text) return;
    this.#said = this.#next;
    this.#say(this.#said);
    this.#timer = setTimeout(() => this.#speak(), this.#every);
  }
}
