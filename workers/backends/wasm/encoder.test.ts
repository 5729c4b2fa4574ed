import { openAsBlob } from "node:fs";
import { expect, test } from "vitest";
import { seededRandom } from "../../kernels/testing/random";
import type { ModelConfig } from "../../model-files/config";
import { readOnnx } from "../../onnx/onnx-reader";
import { Tensors } from "../../ort/tensor";
import { Stopped } from "../../util/scheduler";
import { layOutBuffers } from "./buffer-layout";
import { WasmEncoder } from "./encoder";
import { planEncoder } from "./encoder-plan";
import { openKernels } from "./testing/open-kernels";

const tensors = new Tensors(undefined);

function imageOf(size: number) {
  const length = 3 * size * size;
  const pixels = Float32Array.from({ length }, seededRandom(size));
  return tensors.floats(pixels, [1, 3, size, size]);
}

async function open() {
  const url = new URL("../../testing/vision/unfolded.onnx", import.meta.url);
  const graph = await readOnnx("unfolded.onnx", await openAsBlob(url));
  const config = { hidden: 16, size: 256 } as ModelConfig;
  const plan = await planEncoder(graph, new Map(), config);
  const runtime = await openKernels(true);
  return { plan, runtime };
}

test("fuses activations, sums and projections into products", async () => {
  const { plan } = await open();
  const { steps } = plan.program(256).bind(0, weightAddresses(plan));
  const count = (name: string) =>
    steps.filter(({ kernel }) => kernel === name).length;
  expect(count("scaleAndShift")).toBe(0);
  // The gate of squeeze and excitation.
  expect(count("combine")).toBe(1);
  expect(count("mapAttention")).toBe(2);
  expect(count("depthwise7")).toBe(7);
  expect(count("productFloat")).toBe(24);
  expect(steps).toHaveLength(48);
});

function weightAddresses({
  weights,
}: Awaited<ReturnType<typeof open>>["plan"]) {
  return new Map(weights.map(({ name }) => [name, 0]));
}

test("gives the same features whatever sizes came before", async () => {
  const { plan, runtime } = await open();
  const encoder = await WasmEncoder.open(runtime, tensors, plan, () => {});
  const first = await encoder.encode(imageOf(128));
  await encoder.encode(imageOf(320));
  const second = await encoder.encode(imageOf(128));
  expect(first.dims).toEqual([1, 4, 16]);
  expect(second.data).toEqual(first.data);
  expect((first.data as Float32Array).every(Number.isFinite)).toBe(true);
  await encoder.release();
  expect(runtime.memory.allocated).toBe(0);
});

test("frees the weights when opening is cancelled", async () => {
  const { plan, runtime } = await open();
  let left = 5;
  const opening = WasmEncoder.open(runtime, tensors, plan, () => {
    if (left-- === 0) throw new Stopped();
  });
  await expect(opening).rejects.toThrow(Stopped);
  expect(runtime.memory.allocated).toBe(0);
});

test("stops when the signal is aborted", async () => {
  const { plan, runtime } = await open();
  const encoder = await WasmEncoder.open(runtime, tensors, plan, () => {});
  const stop = new AbortController();
  stop.abort();
  const encoding = encoder.encode(imageOf(64), stop.signal);
  await expect(encoding).rejects.toThrow(Stopped);
});

test("places buffers so that those in use do not overlap", () => {
  const random = seededRandom(1);
  const buffers = Array.from({ length: 60 }, () => {
    const first = Math.floor(random() * 40);
    return {
      bytes: 1 + Math.floor(random() * 5000),
      first,
      last: first + Math.floor(random() * 6),
    };
  });
  const { offsets, bytes } = layOutBuffers(buffers);
  for (const a of buffers) {
    const start = offsets.get(a) ?? NaN;
    expect(start % 64).toBe(0);
    expect(start + a.bytes).toBeLessThanOrEqual(bytes);
    for (const b of buffers) {
      const from = offsets.get(b) ?? NaN;
      const meets = a.first <= b.last && b.first <= a.last;
      if (a === b || !meets) continue;
      expect(start + a.bytes <= from || from + b.bytes <= start).toBe(true);
    }
  }
  const all = buffers.reduce((sum, buffer) => sum + buffer.bytes, 0);
  expect(bytes).toBeLessThan(all / 2);
});
