/** Time over which the rate is the mean, in ms. */
const WINDOW = 5000;

/** Bytes a second, over the last few seconds. */
export class Rate {
  #samples: { readonly time: number; readonly bytes: number }[] = [];
  #since: number | undefined;

  add(bytes: number, now: number): void {
    this.#since ??= now;
    const last = this.#samples.at(-1);
    // One sample for 100 ms keeps the list short however small the chunks are.
    if (last !== undefined && now - last.time < 100) {
      this.#samples[this.#samples.length - 1] = {
        time: last.time,
        bytes: last.bytes + bytes,
      };
    } else {
      this.#samples.push({ time: now, bytes });
    }
  }

  at(now: number): number {
    this.#samples = this.#samples.filter(({ time }) => now - time < WINDOW);
    const bytes = this.#samples.reduce((sum, sample) => sum + sample.bytes, 0);
    if (bytes === 0) return 0;
    const span = Math.min(WINDOW, now - (this.#since ?? now));
    // Of the first moments nothing can be said yet.
    return span < 250 ? 0 : (bytes * 1000) / span;
  }
}
