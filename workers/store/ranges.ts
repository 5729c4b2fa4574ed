/** Bytes [from, to). */
export type Span = readonly [from: number, to: number];

export function spansSize(spans: readonly Span[]): number {
  return spans.reduce((sum, [from, to]) => sum + to - from, 0);
}

/** A set of byte offsets, as sorted, disjoint, non-empty spans. */
export class Ranges {
  /** Replaced, never mutated. */
  #spans: readonly Span[] = [];

  get spans(): readonly Span[] {
    return this.#spans;
  }

  /** Number of bytes in the set. */
  get size(): number {
    return spansSize(this.#spans);
  }

  /** End of the last span; 0 if the set is empty. */
  get end(): number {
    return this.#spans.at(-1)?.[1] ?? 0;
  }

  add(from: number, to: number): void {
    if (from >= to) return;
    const touches = ([low, high]: Span): boolean => low <= to && high >= from;
    const touching = this.#spans.filter(touches);
    const joined: Span = [
      Math.min(from, ...touching.map(([low]) => low)),
      Math.max(to, ...touching.map(([, high]) => high)),
    ];
    const apart = this.#spans.filter((span) => !touches(span));
    this.#spans = [...apart, joined].sort((a, b) => a[0] - b[0]);
  }

  /** End of the span that contains `from`; `from` if none does. */
  endOf(from: number): number {
    const span = this.#spans.find(([low, high]) => low <= from && from < high);
    return span?.[1] ?? from;
  }

  /** The first span of [from, to) that is not in the set. */
  gap(from: number, to: number): Span | undefined {
    const start = this.endOf(from);
    if (start >= to) return undefined;
    const next = this.#spans.find(([low]) => low > start)?.[0] ?? to;
    return [start, Math.min(next, to)];
  }

  clear(): void {
    this.#spans = [];
  }
}
