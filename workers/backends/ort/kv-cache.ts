import type { Memory, Tensor } from "../../ort/tensor";
import type { Outputs, Session } from "../../ort/session";

const PAST = "past_key_values.";
const PRESENT = "present.";

/** What of a cache's shape a graph may leave open. */
export interface CacheHeads {
  readonly kvHeads: number;
  readonly headDim: number;
}

/** Keys and values of all positions so far, where the decoder left them. */
export class KvCache {
  /** Positions held. */
  length = 0;
  readonly #tensors = new Map<string, Tensor>();

  constructor(
    decoder: Session,
    memory: Memory,
    { kvHeads, headDim }: CacheHeads,
  ) {
    const dims = [1, kvHeads, 0, headDim];
    for (const { name, type } of decoder.inputs) {
      if (!name.startsWith(PAST)) continue;
      const kind = type === "float16" ? "float16" : "float32";
      this.#tensors.set(name, memory.empty(kind, dims));
    }
  }

  feeds(): Record<string, Tensor> {
    return Object.fromEntries(this.#tensors);
  }

  /** What a run gives of it. */
  outputs(): string[] {
    return [...this.#tensors.keys()].map(presentOf);
  }

  /** Takes over what a run has grown by `added` positions, frees the old. */
  swap(outputs: Outputs, added: number): void {
    for (const [name, old] of this.#tensors) {
      const present = outputs.get(presentOf(name));
      this.#tensors.set(name, present);
      old.dispose();
    }
    this.length += added;
  }

  dispose(): void {
    for (const tensor of this.#tensors.values()) tensor.dispose();
    this.#tensors.clear();
  }
}

function presentOf(past: string): string {
  return PRESENT + past.slice(PAST.length);
}
