import type { MemoryUse } from "../../src/shared/models";
import type { Gpu } from "./device";
import { heapBytes } from "./wasm-heap";

/** Bytes in use. The JavaScript heap is not included: workers cannot call
 * `measureUserAgentSpecificMemory`. */
export function measure(gpu: Gpu | undefined): MemoryUse {
  const wasm = heapBytes();
  if (gpu === undefined) return { gpu: 0, wasm };
  const { now, parts } = gpu.bytes;
  return { gpu: now, gpuParts: parts, wasm };
}

/** Largest values since `watchPeak`, in bytes. */
export interface Peak {
  readonly gpu: number;
  readonly wasm: number;
  /** Largest sum of both. */
  readonly total: number;
}

/** Watches memory use until the returned function is called. The WebAssembly
 * heap never shrinks, so it is sampled when GPU memory grows and at the end. */
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
