import type { FrameDiff } from "./change-detector";
import { changeOf } from "../kernels/change.reference";
import { ChangeMeter } from "../kernels/change";
import type { Gpu } from "../ort/device";
import type { Memory, Tensor } from "../ort/tensor";

/** Compares pixels where they are. */
export function createFrameDiff({ gpu }: Memory): FrameDiff {
  return gpu === undefined ? new CpuMeter() : new GpuMeter(gpu);
}

class GpuMeter implements FrameDiff {
  readonly #gpu: Gpu;
  #change: ChangeMeter | undefined;

  constructor(gpu: Gpu) {
    this.#gpu = gpu;
  }

  measure({ gpuBuffer, dims }: Tensor): Promise<number> {
    return this.#gpu.guard(this.#meter.measure(gpuBuffer, dims[3] ?? 0));
  }

  keep({ gpuBuffer, dims }: Tensor): void {
    this.#meter.keep(gpuBuffer, dims[3] ?? 0);
  }

  dispose(): void {
    this.#change?.dispose();
    this.#change = undefined;
  }

  /** Made when first asked for: most pictures pass no gate. */
  get #meter(): ChangeMeter {
    return (this.#change ??= new ChangeMeter(this.#gpu.device));
  }
}

class CpuMeter implements FrameDiff {
  #kept: Tensor | undefined;

  measure(pixels: Tensor): Promise<number> {
    const before = this.#kept;
    if (before?.size !== pixels.size) return Promise.resolve(Infinity);
    const now = pixels.data as Float32Array;
    const side = pixels.dims[3] ?? 0;
    return Promise.resolve(changeOf(now, before.data as Float32Array, side));
  }

  keep(pixels: Tensor): void {
    this.#kept = pixels;
  }

  dispose(): void {
    this.#kept = undefined;
  }
}
