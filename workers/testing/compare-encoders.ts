import { expect } from "vitest";
import { maxAbsDifference } from "../kernels/testing/run-variant";
import { seededRandom } from "../kernels/testing/random";
import type { Tensor, Tensors } from "../ort/tensor";
import { at, defined } from "../util/assert";
import { bufferOf, floatsOf } from "./on-gpu";
import { openOrtEncoder, openSource, openWebGpuEncoder } from "./open-backends";

interface Pixels {
  readonly onCpu: Tensor;
  readonly onGpu: Tensor;
}

/** Random pixels of a square image; `tensors` has a GPU. */
export function createPixels(
  tensors: Tensors,
  size: number,
  seed: number,
): Pixels {
  const dims = [1, 3, size, size];
  const data = Float32Array.from(
    { length: 3 * size * size },
    seededRandom(seed),
  );
  const onCpu = tensors.floats(data, dims);
  const buffer = bufferOf(defined(tensors.gpu, "gpu"), data);
  return { onCpu, onGpu: tensors.ofBuffer(buffer, "float32", dims) };
}

/** Expects the same features of both backends at these image sizes. */
export async function expectSameFeatures(
  tensors: Tensors,
  url: string,
  sizes: readonly number[],
): Promise<void> {
  const gpu = defined(tensors.gpu, "gpu");
  const source = await openSource(url);
  const reference = await openOrtEncoder(source);
  const encoder = await openWebGpuEncoder(source, tensors);
  for (const size of sizes) {
    // Two at a time: the second must not overwrite the first.
    const pair = [
      createPixels(tensors, size, size),
      createPixels(tensors, size, size + 1),
    ];
    const encoded: Tensor[] = [];
    for (const { onGpu } of pair) encoded.push(await encoder.encode(onGpu));
    for (const [i, { onCpu, onGpu }] of pair.entries()) {
      const expected = await reference.encode(onCpu);
      const features = at(encoded, i);
      expect(features.dims).toEqual(expected.dims);
      const wanted = expected.data as Float32Array;
      const values = await floatsOf(gpu, features.gpuBuffer, features.size);
      const largest = wanted.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
      expect(maxAbsDifference(values, wanted) / largest).toBeLessThan(1e-4);
      for (const one of [features, onGpu, expected]) one.dispose();
    }
  }
  await encoder.release();
  await reference.release();
}
