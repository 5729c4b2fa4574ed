import { FrameDiffKernel } from "../kernels/frame-diff";
import { frameDiffReference } from "../kernels/frame-diff.reference";
import type { Gpu } from "../ort/device";
import type { Tensors, Tensor } from "../ort/tensor";
import { defined } from "../util/assert";

/** Compares preprocessed images [1, 3, size, size] with a kept one. */
interface FrameDiff {
  /** The largest mean difference of a tile, 0 to 1 (`frameDiffReference`). Infinity if no
   * image of the same size was kept. */
  measure(pixels: Tensor): Promise<number>;
  keep(pixels: Tensor): void;
  dispose(): void;
}

/**
 * Detects frames that look like the last encoded one. Frames are compared with
 * that one and not with each other, so that slow changes add up.
 */
export class ChangeDetector {
  readonly #diff: FrameDiff;
  #key: string | undefined;

  constructor(diff: FrameDiff) {
    this.#diff = diff;
  }

  /** The key of the last encoded image if `pixels` differ from it by less than
   * `threshold`. */
  async match(pixels: Tensor, threshold: number): Promise<string | undefined> {
    if (this.#key === undefined) return undefined;
    const change = await this.#diff.measure(pixels);
    return change < threshold ? this.#key : undefined;
  }

  /** Makes `pixels`, encoded under `key`, the image to compare with. */
  keep(pixels: Tensor, key: string): void {
    this.#diff.keep(pixels);
    this.#key = key;
  }

  dispose(): void {
    this.#diff.dispose();
  }
}

/** Compares images where they are: on the GPU or on the CPU. */
export function createFrameDiff({ gpu }: Tensors): FrameDiff {
  return gpu === undefined ? new CpuFrameDiff() : new GpuFrameDiff(gpu);
}

class GpuFrameDiff implements FrameDiff {
  readonly #gpu: Gpu;
  #kernel: FrameDiffKernel | undefined;

  constructor(gpu: Gpu) {
    this.#gpu = gpu;
  }

  measure(pixels: Tensor): Promise<number> {
    const { gpuBuffer } = pixels;
    return this.#gpu.guard(
      this.#getKernel().measure(gpuBuffer, sizeOf(pixels)),
    );
  }

  keep(pixels: Tensor): void {
    this.#getKernel().keep(pixels.gpuBuffer, sizeOf(pixels));
  }

  dispose(): void {
    this.#kernel?.dispose();
    this.#kernel = undefined;
  }

  /** Created on first use: most requests have no `gate`. */
  #getKernel(): FrameDiffKernel {
    return (this.#kernel ??= new FrameDiffKernel(this.#gpu.device));
  }
}

class CpuFrameDiff implements FrameDiff {
  #kept: Tensor | undefined;

  measure(pixels: Tensor): Promise<number> {
    const before = this.#kept;
    if (before?.size !== pixels.size) return Promise.resolve(Infinity);
    const a = pixels.data as Float32Array;
    const b = before.data as Float32Array;
    return Promise.resolve(frameDiffReference(a, b, sizeOf(pixels)));
  }

  keep(pixels: Tensor): void {
    this.#kept = pixels;
  }

  dispose(): void {
    this.#kept = undefined;
  }
}

function sizeOf({ dims }: Tensor): number {
  return defined(dims[3], "image size");
}
