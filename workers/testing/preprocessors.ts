import { afterAll, beforeAll, expect } from "vitest";
import type { GenerateOptions, Frame } from "../../src/shared/protocol";
import { Tensors } from "../ort/tensor";
import { Preprocessor } from "../stages/preprocess";
import { options } from "./harness";
import { testGpu } from "./on-gpu";

type Choice = Partial<
  Pick<GenerateOptions, "fit" | "background" | "anyres" | "size">
>;

/** Default size of the result. */
export const size = 64;

export interface Memories {
  readonly gpu: Tensors;
  readonly cpu: Tensors;
}

/** Opens memory on GPU and CPU for the tests of a file. */
export function usePreprocessors(take: (both: Memories) => void): void {
  let both: Memories | undefined;

  beforeAll(async () => {
    both = {
      gpu: new Tensors(await testGpu()),
      cpu: new Tensors(undefined),
    };
    take(both);
  });

  afterAll(() => both?.gpu.gpu?.close());
}

/** The planes of one view as one row. */
export async function planes(
  tensors: Tensors,
  frame: Frame,
  choice: Choice = {},
  index = 0,
): Promise<Float32Array> {
  const preprocessor = new Preprocessor(tensors);
  const request = { ...options, size, ...choice };
  const views = preprocessor.views(frame, request);
  const view = views[index];
  if (view === undefined) throw new Error("The image has no such view.");
  const tensor = await preprocessor.run(frame, view, request);
  expect(tensor.dims).toEqual([1, 3, view.size, view.size]);
  const length = 3 * view.size ** 2;
  const row =
    tensor.location === "gpu"
      ? tensors.onBuffer(tensor.gpuBuffer, [1, 1, length])
      : tensors.floats(tensor.data as Float32Array, [1, 1, length]);
  const values = await tensors.lastRow(row);
  preprocessor.dispose();
  return values;
}

/** The largest difference between GPU and CPU in steps of 8-bit colour. */
export async function difference(
  both: Memories,
  frame: Frame,
  choice: Choice = {},
  index = 0,
): Promise<number> {
  const gpu = await planes(both.gpu, frame, choice, index);
  const cpu = await planes(both.cpu, frame, choice, index);
  expect(Math.max(...gpu)).toBeGreaterThan(0.2);
  const steps = gpu.map((value, i) => Math.abs(value - (cpu[i] ?? NaN)) * 255);
  return Math.max(...steps);
}

/** R, G and B of the pixel at (x, y), 0 to 255. */
export function pixel(values: Float32Array, x: number, y: number): number[] {
  return [0, 1, 2].map((channel) =>
    Math.round((values[(channel * size + y) * size + x] ?? NaN) * 255),
  );
}
