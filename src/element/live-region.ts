/** Text to announce, and its language if it differs from the element's. */
export interface Announcement {
  readonly text: string;
  readonly lang?: string;
}

/**
 * Announces whole sentences to assistive technology: only when the text
 * changes, always the latest one, and at most one every `interval` ms.
 */
export class LiveRegion {
  readonly #render: (announcement: Announcement) => void;
  readonly #interval: number;
  #current: Announcement = { text: "" };
  #next = this.#current;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(render: (announcement: Announcement) => void, interval = 3000) {
    this.#render = render;
    this.#interval = interval;
  }

  announce(announcement: Announcement): void {
    this.#next = announcement;
    if (this.#timer === undefined) this.#flush();
  }

  /** Empties the region; the same text may be announced again. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#next = this.#current = { text: "" };
    this.#render(this.#current);
  }

  #flush(): void {
    this.#timer = undefined;
    if (this.#next.text === this.#current.text) return;
    this.#current = this.#next;
    this.#render(this.#current);
    this.#timer = setTimeout(() => this.#flush(), this.#interval);
  }
}
