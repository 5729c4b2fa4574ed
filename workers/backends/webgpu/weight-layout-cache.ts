/** Weights in the order that a kernel wants, each made once for all graphs. */
export class WeightLayoutCache {
  readonly #made = new Map<GPUBuffer, Map<string, GPUBuffer>>();

  /** What was made of `source` in the way that `how` says. */
  find(source: GPUBuffer, how: string): GPUBuffer | undefined {
    return this.#made.get(source)?.get(how);
  }

  add(source: GPUBuffer, how: string, made: GPUBuffer): void {
    const all = this.#made.get(source) ?? new Map<string, GPUBuffer>();
    this.#made.set(source, all.set(how, made));
  }

  destroy(): void {
    for (const all of this.#made.values()) {
      for (const buffer of all.values()) buffer.destroy();
    }
    this.#made.clear();
  }
}
