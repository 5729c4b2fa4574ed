import { afterAll, beforeAll, expect, test } from "vitest";
import { encode, prepare } from "../../kernels/kernel";
import { readBack, storage, submit } from "../../kernels/testing/gpu";
import type { Gpu } from "../../ort/device";
import { testGpu } from "../../testing/on-gpu";
import { GpuWeights } from "./gpu-weights";
import { generatedWeight } from "./graphs/weight";

let gpu: Gpu;

beforeAll(async () => {
  gpu = await testGpu();
});

afterAll(() => {
  gpu.close();
});

const code = `
@group(0) @binding(0) var<storage, read> source: array<u32>;
@group(0) @binding(1) var<storage, read_write> copy: array<u32>;
@compute @workgroup_size(1)
fn main(@builtin(global_invocation_id) id: vec3u) {
  copy[id.x] = source[id.x];
}`;

/** The words of a buffer that cannot be copied. */
async function wordsOf(buffer: GPUBuffer, count: number): Promise<number[]> {
  const { device } = gpu;
  const copy = storage(device, 4 * count);
  const bindings = [{ buffer }, { buffer: copy }];
  const groups = [count, 1, 1] as const;
  const kernel = { label: "copy", code };
  const dispatch = prepare(device, kernel, bindings, groups);
  submit(device, (pass) => {
    encode(pass, dispatch);
  });
  const words = new Uint32Array(await readBack(device, copy));
  copy.destroy();
  return [...words];
}

test("uploads a freed weight again", async () => {
  const words = [3, 1, 4, 1, 5, 9];
  const info = { name: "w", type: "float32", dims: [6] };
  const bytes = new Uint8Array(Uint32Array.from(words).buffer);
  const weight = generatedWeight(info, bytes.length, async function* () {
    yield await Promise.resolve(bytes);
  });
  const before = gpu.bytes.parts.weights;
  const weights = await GpuWeights.upload(gpu, [weight], () => undefined);
  const { buffer } = weights.tensor("w");
  expect(await weights.contents(buffer)).toBe(buffer);
  weights.free(buffer);
  expect(gpu.bytes.parts.weights).toBe(before);
  const again = await weights.contents(buffer);
  expect(again).not.toBe(buffer);
  expect(await wordsOf(again, 6)).toEqual(words);
  // Graphs that read it keep it.
  expect(await weights.keep(buffer)).toBe(again);
  weights.free(buffer);
  expect(await weights.contents(buffer)).toBe(again);
  weights.destroy();
  expect(gpu.bytes.parts.weights).toBe(before);
});
