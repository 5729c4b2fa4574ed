import type { WasmDecoderPlan } from "./decoder-plan";
import type { WasmMemory } from "./memory";

type CacheShape = Pick<WasmDecoderPlan, "layers" | "kvHeads" | "headDim">;

/** Positions of a new cache. */
const INITIAL = 256;

/** Keys and values of every layer, float32, [kvHeads, capacity, headDim] each. */
export class KvCache {
  readonly #memory: WasmMemory;
  readonly #shape: CacheShape;
  #capacity = 0;
  /** Addresses of the keys and of the values, by layer. */
  #layers: readonly (readonly [keys: number, values: number])[] = [];

  constructor(memory: WasmMemory, shape: CacheShape) {
    this.#memory = memory;
    this.#shape = shape;
  }

  get capacity(): number {
    return this.#capacity;
  }

  get layers(): readonly (readonly [keys: number, values: number])[] {
    return this.#layers;
  }

  /** Grows the cache to at least `positions`, at most `most`, and keeps the first
   * `keep`. */
  reserve(positions: number, keep: number, most: number): void {
    if (positions <= this.#capacity) return;
    const power = Math.max(INITIAL, 2 ** Math.ceil(Math.log2(positions)));
    const capacity = Math.min(power, most);
    const { layers, kvHeads, headDim } = this.#shape;
    const rowBytes = headDim * 4;
    const size = kvHeads * capacity * rowBytes;
    const old = this.#capacity;
    // One layer after another: only one is in memory twice.
    const grown = layers.map((_, i) => {
      const addresses = this.#layers[i] ?? [];
      const [keys = 0, values = 0] = [0, 1].map((kind) => {
        const to = this.#memory.allocate(size);
        const from = addresses[kind];
        if (from === undefined) return to;
        for (let head = 0; head < kvHeads; head++) {
          const source = from + head * old * rowBytes;
          const kept = this.#memory.bytes(source, keep * rowBytes);
          const target = to + head * capacity * rowBytes;
          this.#memory.bytes(target, keep * rowBytes).set(kept);
        }
        this.#memory.free(from);
        return to;
      });
      return [keys, values] as const;
    });
    this.#layers = grown;
    this.#capacity = capacity;
  }

  release(): void {
    for (const address of this.#layers.flat()) this.#memory.free(address);
    this.#layers = [];
    this.#capacity = 0;
  }
}
