const MAX_WATCHERS = 32;

/** The image that was last answered for each watcher. */
export class AnsweredImages {
  /** Keys of the images, the latest last. */
  readonly #keys = new Map<string, string>();

  isLast(watcher: string, key: string): boolean {
    return this.#keys.get(watcher) === key;
  }

  set(watcher: string, key: string): void {
    this.#keys.delete(watcher);
    this.#keys.set(watcher, key);
    const [oldest] = this.#keys.keys();
    if (this.#keys.size > MAX_WATCHERS && oldest !== undefined) {
      this.#keys.delete(oldest);
    }
  }
}
