import { expect, test } from "vitest";
import type { ModelConfig } from "../../model-files/config";
import { createSession } from "../../ort/session";
import { Tensors } from "../../ort/tensor";
import { readOnnx } from "../../onnx/onnx-reader";
import { micro, other } from "../../testing/harness";
import { seededRandom } from "../../kernels/testing/random";
import { WasmEncoder } from "./encoder";
import { planEncoder } from "./encoder-plan";
import { openWasmRuntime } from "./runtime";

const here = new URL("../vision/", micro).href;
const nano = new URL("/models/nano/onnx/", location.href).href;

async function blobOf(url: string): Promise<Blob> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: HTTP ${response.status}`);
  return response.blob();
}

/** Largest difference, relative to the largest value. */
function difference(ours: Float32Array, right: Float32Array): number {
  expect(ours.length).toBe(right.length);
  const most = (values: Float32Array) =>
    values.reduce((largest, n) => Math.max(largest, Math.abs(n)), 0);
  return most(right.map((n, i) => n - (ours[i] ?? NaN))) / most(right);
}

test.each([
  ["unfolded", `${here}unfolded.onnx`, 16, [64, 256, 320], 1e-5],
  ["spelled and in 4 bits", `${here}spelled.onnx`, 16, [128, 192], 1e-5],
  ["in 16 bits", `${here}half.onnx`, 16, [64, 256], 2e-3],
  ["external", `${other}onnx/vision_encoder.onnx`, 48, [64, 320], 1e-5],
  ["nano", `${nano}vision_encoder.onnx`, 192, [256, 320], 1e-5],
  ["nano in 4 bits", `${nano}vision_encoder_q4.onnx`, 192, [320], 1e-5],
] as const)(
  "%s: gives the features of ORT",
  async (_, url, hidden, sizes, most) => {
    const graph = await readOnnx(url, await blobOf(url));
    const external = new Map<string, Blob>();
    for (const name of graph.externalFiles) {
      external.set(name, await blobOf(new URL(name, url).href));
    }
    const config = { hidden, size: 256 } as ModelConfig;
    const plan = await planEncoder(graph, external, config);
    const tensors = new Tensors(undefined);
    const session = await createSession(graph, external, undefined);
    const [pixelValues] = session.inputs;
    const [imageFeatures] = session.outputs;
    if (pixelValues === undefined || imageFeatures === undefined)
      throw new Error("The graph has no input or no output.");
    const runtime = await openWasmRuntime(1);
    const encoder = await WasmEncoder.open(runtime, tensors, plan, () => {});
    for (const size of sizes) {
      const random = seededRandom(size);
      const pixels = Float32Array.from({ length: 3 * size * size }, random);
      const input = tensors.floats(pixels, [1, 3, size, size]);
      const ours = await encoder.encode(input);
      const outputs = await session.run({ [pixelValues.name]: input });
      const right = outputs.get(imageFeatures.name);
      expect(ours.dims).toEqual([1, (size / 64) ** 2, hidden]);
      const numbers = await tensors.numbers(ours);
      const off = difference(numbers, await tensors.numbers(right));
      expect(off).toBeLessThan(most);
    }
    await encoder.release();
    runtime.release();
    await session.release();
  },
);
