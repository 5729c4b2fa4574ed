import type { MemoryUse } from "../../src/shared/models";
import type { Gpu } from "./device";
import { heapBytes } from "./wasm-heap";

/**
 * Bytes held now. What scripts hold is not told to workers: only a page can
 * ask (`measureUserAgentSpecificMemory`).
 */
export function measure(gpu: Gpu | undefined): MemoryUse {
  return { gpu: gpu?.bytes.now ?? 0, wasm: heapBytes() };
}

/** The most that was held at a time. */
export interface Peak {
  readonly gpu: number;
  readonly wasm: number;
  /** Of both together. */
  readonly total: number;
}

/**
 * Watches from now until the function it gives is called. The WebAssembly heap
 * never shrinks, so it need only be looked at when the GPU's share grows and
 * at the end; what scripts hold is not in it.
 */
export function watchPeak(gpu: Gpu | undefined): () => Peak {
  let peak = 0;
  let total = 0;
  const sample = (): void => {
    const now = gpu?.bytes.now ?? 0;
    peak = Math.max(peak, now);
    total = Math.max(total, now + heapBytes());
  };
  sample();
  const stop = gpu?.bytes.onGrowth(sample);
  return () => {
    stop?.();
    sample();
    return { gpu: peak, wasm: heapBytes(), total };
  };
}
