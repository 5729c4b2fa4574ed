export type Span = readonly [from: number, to: number];

/** A set of bytes of a file: sorted, disjoint, non-empty spans. */
export class Ranges {
  #spans: readonly Span[] = [];

  get spans(): readonly Span[] {
    return this.#spans;
  }

  /** How many bytes are in it. */
  get size(): number {
    return this.#spans.reduce((sum, [from, to]) => sum + to - from, 0);
  }

  /** Behind its last byte. */
  get end(): number {
    return this.#spans.at(-1)?.[1] ?? 0;
  }

  add(from: number, to: number): void {
    if (from >= to) return;
    const touching = this.#spans.filter(
      ([low, high]) => low <= to && high >= from,
    );
    const apart = this.#spans.filter((span) => !touching.includes(span));
    const joined: Span = [
      Math.min(from, touching[0]?.[0] ?? from),
      Math.max(to, touching.at(-1)?.[1] ?? to),
    ];
    this.#spans = [...apart, joined].sort((a, b) => a[0] - b[0]);
  }

  /** Where the run of its bytes that begins at `from` ends; `from` if there is
   * none. */
  endOf(from: number): number {
    const run = this.#spans.find(([low, high]) => low <= from && from < high);
    return run?.[1] ?? from;
  }

  /** The first span within [from, to) that is not in it. */
  gap(from: number, to: number): Span | undefined {
    const begin = this.endOf(from);
    if (begin >= to) return undefined;
    const next = this.#spans.find(([low]) => low > begin)?.[0] ?? to;
    return [begin, Math.min(next, to)];
  }

  clear(): void {
    this.#spans = [];
  }
}
