import { afterAll, beforeAll, expect, test } from "vitest";
import type { Frame } from "../src/shared/protocol";
import type { Geometry } from "./kernels/geometry";
import { openGpu } from "./ort/adapter";
import { loadOrt } from "./ort/runtime";
import { Memory } from "./ort/tensor";
import { Preprocessor } from "./preprocess";
import { options } from "./testing/harness";

const size = 64;
let onGpu: Memory;
let onCpu: Memory;

beforeAll(async () => {
  const ort = await loadOrt();
  const heads = { heads: 2, kvHeads: 1, headDim: 16 };
  const opened = await openGpu("webgpu", heads);
  if (!("gpu" in opened)) throw new Error("These tests need an adapter.");
  onGpu = new Memory(ort, opened.gpu);
  onCpu = new Memory(ort, undefined);
});

afterAll(() => {
  onGpu.gpu?.close();
});

function onlyView(preprocessor: Preprocessor, frame: Frame): Geometry {
  const [view] = preprocessor.views(frame, { ...options, size });
  if (view === undefined) throw new Error("no view of the picture");
  return view;
}

/** The planes as one row, read back by the way the worker reads logits. */
async function planes(memory: Memory, frame: Frame): Promise<Float32Array> {
  const preprocessor = new Preprocessor(memory);
  const tensor = preprocessor.run(frame, onlyView(preprocessor, frame));
  expect(tensor.dims).toEqual([1, 3, size, size]);
  const length = 3 * size * size;
  const row =
    tensor.location === "gpu-buffer"
      ? memory.onBuffer(tensor.gpuBuffer, [1, 1, length])
      : memory.floats(tensor.data as Float32Array, [1, 1, length]);
  const values = await memory.lastRow(row);
  preprocessor.dispose();
  return values;
}

/** The largest difference between the two paths, in steps of 8-bit colour. */
async function difference(frame: Frame): Promise<number> {
  const [gpu, cpu] = [await planes(onGpu, frame), await planes(onCpu, frame)];
  frame.close();
  expect(Math.max(...gpu)).toBeGreaterThan(0.2);
  const steps = gpu.map((value, i) => Math.abs(value - (cpu[i] ?? NaN)) * 255);
  return Math.max(...steps);
}

function colors(alpha: (i: number) => number): ImageData {
  const image = new ImageData(150, 90);
  for (let i = 0; i < 150 * 90; i++) {
    const rgba = [(i * 7) & 255, (i * 3) & 255, (i >> 3) & 255, alpha(i)];
    image.data.set(rgba, i * 4);
  }
  return image;
}

test("an opaque picture is the same on both paths", async () => {
  const bitmap = await createImageBitmap(colors(() => 255));
  expect(await difference(bitmap)).toBeLessThan(0.01);
});

test("a transparent picture lies on black on both paths", async () => {
  const bitmap = await createImageBitmap(colors((i) => i & 255));
  expect(await difference(bitmap)).toBeLessThan(1.01);
});

test("a camera's frame, stored as luma and chroma", async () => {
  // The browser converts colour itself: libyuv for the canvas is 2 steps off in
  // blue, and enlarges chroma its own way; overshoot of the resize adds to it.
  const data = Uint8Array.from({ length: 96 * 64 * 1.5 }, (_, i) =>
    i < 96 * 64 ? 16 + ((i * 5) % 200) : 90 + ((i - 96 * 64) >> 6),
  );
  const frame = new VideoFrame(data, {
    format: "I420",
    codedWidth: 96,
    codedHeight: 64,
    timestamp: 0,
  });
  expect(await difference(frame)).toBeLessThan(6);
});

test("a closed frame of either kind is a bad image", async () => {
  const bitmap = await createImageBitmap(colors(() => 255));
  const frame = new VideoFrame(bitmap, { timestamp: 0 });
  bitmap.close();
  frame.close();
  for (const memory of [onGpu, onCpu]) {
    for (const closed of [bitmap, frame]) {
      const preprocessor = new Preprocessor(memory);
      expect(() => preprocessor.views(closed, options)).toThrow(
        expect.objectContaining({ code: "bad-image" }),
      );
    }
  }
});
