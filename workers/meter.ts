import type { Meter } from "./gate";
import { changeOf } from "./kernels/change.reference";
import type { Tensor } from "./ort/tensor";

/** Compares pixels in memory. */
export class CpuMeter implements Meter {
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
