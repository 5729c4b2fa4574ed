import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openGpu } from "./adapter";
import { toHalf } from "../util/float16";
import { Tensor, Tensors, type FloatType } from "./tensor";

const width = 6;
const values = (rows: number, from: number): Float32Array =>
  Float32Array.from({ length: rows * width }, (_, i) => from + i / 8);

const a = values(3, 1);
const b = values(4, 100);

describe.each(["wasm", "webgpu"] as const)("rows on %s", (device) => {
  let tensors: Tensors;

  beforeAll(async () => {
    const heads = { heads: 2, kvHeads: 1, headDim: 32 };
    const opened = await openGpu(device, heads);
    const gpu = "gpu" in opened ? opened.gpu : undefined;
    expect(gpu !== undefined).toBe(device === "webgpu");
    tensors = new Tensors(gpu);
  });

  afterAll(() => {
    tensors.dispose();
    tensors.gpu?.close();
  });

  const onCpu = (data: Float32Array, type: FloatType): Tensor =>
    tensors.floats(type === "float32" ? data : toHalf(data), [
      1,
      data.length / width,
      width,
    ]);

  /** On the GPU, if there is one. */
  const stored = (data: Float32Array, type: FloatType): Tensor =>
    tensors.cast(onCpu(data, type), type);

  /** All of it: one row, as wide as everything. */
  async function read(tensor: Tensor): Promise<number[]> {
    const dims = [1, 1, tensor.size];
    if (tensor.location === "cpu") {
      const { type, data } = tensor;
      return [...(await tensors.lastRow(new Tensor(type, { data }, dims)))];
    }
    const type = tensor.type as FloatType;
    const row = tensors.onBuffer(tensor.gpuBuffer, dims, type);
    return [...(await tensors.lastRow(row))];
  }

  const wanted = [
    ...a.subarray(width),
    ...b.subarray(0, 2 * width),
    ...a.subarray(0, width),
  ];

  for (const first of ["float32", "float16"] as const) {
    for (const second of ["float32", "float16"] as const) {
      for (const [where, place] of [
        ["stored", stored],
        ["on the processor", onCpu],
      ] as const) {
        test(`${first} ${where} and ${second} stored: concatenates`, async () => {
          const [x, y] = [place(a, first), stored(b, second)];
          const all = tensors.concatRows(
            [
              { tensor: x, from: 1, to: 3 },
              { tensor: y, from: 0, to: 2 },
              { tensor: x, from: 0, to: 1 },
            ],
            width,
          );
          const half = first === "float16" && second === "float16";
          expect(all.type).toBe(half ? "float16" : "float32");
          expect(all.dims).toEqual([1, 5, width]);
          expect(all.location).toBe(device === "wasm" ? "cpu" : "gpu");
          expect(await read(all)).toEqual(wanted);
          expect([...(await tensors.lastRow(all))]).toEqual(
            wanted.slice(-width),
          );
        });
      }
      test(`casts ${first} to ${second}`, async () => {
        const cast = tensors.cast(stored(b, first), second);
        expect(cast.type).toBe(second);
        expect(await read(cast)).toEqual([...b]);
      });
    }
  }

  test("reads a float16 row that is not aligned to 4 bytes", async () => {
    const odd = Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9);
    const tensor = tensors.floats(toHalf(odd), [1, 3, 3]);
    const last = [7, 8, 9];
    expect([...(await tensors.lastRow(tensor))]).toEqual(last);
    expect([...(await tensors.numbers(tensor))]).toEqual([...odd]);
    if (tensors.gpu === undefined) return;
    const { device: gpuDevice } = tensors.gpu;
    const usage = GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
    const buffer = gpuDevice.createBuffer({ size: 32, usage });
    const padded = new Uint16Array(16);
    padded.set(toHalf(odd));
    gpuDevice.queue.writeBuffer(buffer, 0, padded);
    const onGpu = tensors.onBuffer(buffer, [1, 3, 3], "float16");
    expect([...(await tensors.lastRow(onGpu))]).toEqual(last);
    expect([...(await tensors.numbers(onGpu))]).toEqual([...odd]);
    buffer.destroy();
  });
});
