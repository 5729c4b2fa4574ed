import type { Memory, Tensor } from "./ort/tensor";
import type { Outputs, Session } from "./ort/session";

const PAST = "past_key_values.";
const PRESENT = "present.";

/** Keys and values of all positions so far, where the decoder left them. */
export class KvCache {
  /** Positions held. */
  length = 0;
  readonly #tensors = new Map<string, Tensor>();

  constructor(decoder: Session, memory: Memory) {
    for (const { name, type, shape } of decoder.inputs) {
      if (!name.startsWith(PAST)) continue;
      const [, heads, , dim] = shape;
      const dims = [1, Number(heads), 0, Number(dim)];
      const kind = type === "float16" ? "float16" : "float32";
      this.#tensors.set(name, memory.empty(kind, dims));
    }
  }

  feeds(): Record<string, Tensor> {
    return Object.fromEntries(this.#tensors);
  }

  /** Takes over what a run has grown by `added` positions, frees the old. */
  swap(outputs: Outputs, added: number): void {
    for (const [name, old] of this.#tensors) {
      const present = outputs.get(PRESENT + name.slice(PAST.length));
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
