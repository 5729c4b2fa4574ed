import { beforeAll, describe, expect, test } from "vitest";
import { noise, seededRandom } from "../../kernels/testing/random";
import type { StoredTensor } from "../webgpu/graphs/dataflow";
import type { QuantizedLinear } from "../webgpu/graphs/decoder-qdq";
import { padded, planProduct, type StoredWeight } from "./decoder-weights";
import type { WasmMemory } from "./memory";
import type { WasmRuntime } from "./runtime";
import { openKernels } from "./testing/open-kernels";

const all = (count: number) => ({ count, grain: count });

function stored(
  name: string,
  type: string,
  dims: readonly number[],
  data: ArrayBufferView<ArrayBuffer>,
): StoredTensor {
  const blob = new Blob([data]);
  const source = { file: name, blob, offset: 0, length: blob.size };
  return { name, type, dims, source };
}

interface Quantized {
  readonly linear: QuantizedLinear;
  /** w[k, n] in float64. */
  readonly value: (k: number, n: number) => number;
}

/** A random layer in four bits with a bias. */
function quantized(
  inner: number,
  outer: number,
  blockSize: number,
  hasZeros: boolean,
): Quantized {
  const random = seededRandom(inner + outer);
  const byte = () => Math.floor(random() * 256);
  const blocks = inner / blockSize;
  const codes = new Uint8Array((outer * inner) / 2).map(byte);
  const scales = noise(outer * blocks, 3);
  const zeroBytes = Math.ceil(blocks / 2);
  const zeros = new Uint8Array(outer * zeroBytes).map(byte);
  const four = (bytes: Uint8Array, start: number, i: number) =>
    ((bytes[start + (i >> 1)] ?? NaN) >> (4 * (i & 1))) & 15;
  const name = `${inner} ${outer}`;
  return {
    linear: {
      kind: "quantized",
      weight: stored(name, "uint8", [outer, blocks, blockSize / 2], codes),
      scales: stored("scales", "float32", [outer, blocks], scales),
      bias: stored("bias", "float32", [outer], noise(outer, 4)),
      ...(hasZeros && {
        zeros: stored("zeros", "uint8", [outer, zeroBytes], zeros),
      }),
      ...{ inner, outer, bits: 4, blockSize, accuracy: 0 },
    },
    value: (k, n) => {
      const block = Math.floor(k / blockSize);
      const zero = hasZeros ? four(zeros, n * zeroBytes, block) : 8;
      const code = four(codes, (n * inner) / 2, k);
      return (code - zero) * (scales[n * blocks + block] ?? NaN);
    },
  };
}

async function placed(
  runtime: WasmRuntime,
  weight: StoredWeight,
): Promise<number> {
  const address = runtime.memory.allocate(weight.bytes);
  await weight.write(runtime, address);
  return address;
}

function place(memory: WasmMemory, values: Float32Array): number {
  const address = memory.allocate(values.byteLength);
  memory.floats(address, values.length).set(values);
  return address;
}

describe.each([true, false])("relaxed SIMD: %s", (relaxed) => {
  let runtime: WasmRuntime;
  let memory: WasmMemory;

  beforeAll(async () => {
    runtime = await openKernels(relaxed);
    ({ memory } = runtime);
  });

  const floats = (address: number, length: number) => [
    ...memory.floats(address, length),
  ];

  test.each([
    [32, 16, 32, false, 1],
    [96, 50, 32, false, 5],
    [128, 33, 64, true, 4],
    [256, 16, 128, true, 3],
  ] as const)(
    "productQ4: %i x %i in blocks of %i, zero points: %s, %i rows",
    async (inner, outer, blockSize, hasZeros, rows) => {
      const { linear, value } = quantized(inner, outer, blockSize, hasZeros);
      const plan = planProduct([linear]);
      expect(plan.kind).toBe("q4");
      const [weight, bias] = [
        await placed(runtime, plan.weight),
        await placed(runtime, plan.bias),
      ];
      const zeros = plan.zeros && (await placed(runtime, plan.zeros));
      // Values of very different sizes, as activations have them.
      const x = noise(rows * inner, 9).map((v, i) => v * 10 ** (i % 5));
      const from = place(memory, x);
      const blocks = memory.allocate(((rows * inner) / 32) * 144);
      const columns = padded(outer);
      const y = memory.allocate(rows * columns * 4);
      const run = (first: number, count: number): number[] => {
        const sizes = [count, inner / 32, columns * 4] as const;
        const { pool } = runtime;
        const at = from + first * inner * 4;
        pool.run("quantizeBlocks", all((count * inner) / 32), at, blocks);
        const panels = all(columns / 16);
        pool.run("productQ4", panels, blocks, weight, bias, y, ...sizes);
        if (zeros !== undefined) {
          pool.run("addZeroPoints", panels, blocks, zeros, y, ...sizes);
        }
        return floats(y, count * columns);
      };
      const got = run(0, rows);
      const biases = noise(outer, 4);
      for (let row = 0; row < rows; row++) {
        for (let n = 0; n < outer; n++) {
          let [sum, size] = [biases[n] ?? NaN, 0];
          for (let k = 0; k < inner; k++) {
            const product = (x[row * inner + k] ?? NaN) * value(k, n);
            sum += product;
            size += Math.abs(product);
          }
          const difference = Math.abs((got[row * columns + n] ?? NaN) - sum);
          expect(difference / size).toBeLessThan(1e-6);
        }
        // Exactly the same as the row alone.
        const alone = run(row, 1);
        const start = row * columns;
        expect(got.slice(start, start + columns)).toEqual(alone);
      }
    },
  );

  test("productQ4 of zeros, denormals and large values", async () => {
    const { linear } = quantized(64, 16, 32, false);
    const plan = planProduct([linear]);
    const weight = await placed(runtime, plan.weight);
    const bias = await placed(runtime, plan.bias);
    const x = new Float32Array(64).fill(1e-40);
    x.fill(0, 32);
    const blocks = memory.allocate(2 * 144);
    const y = memory.allocate(64);
    const { pool } = runtime;
    pool.run("quantizeBlocks", all(2), place(memory, x), blocks);
    pool.run("productQ4", all(1), blocks, weight, bias, y, 1, 2, 64);
    expect(floats(y, 16)).toEqual([...noise(16, 4)]);
    const large = place(memory, new Float32Array(64).fill(1e30));
    pool.run("quantizeBlocks", all(2), large, blocks);
    pool.run("productQ4", all(1), blocks, weight, bias, y, 1, 2, 64);
    expect(floats(y, 16).every(Number.isFinite)).toBe(true);
  });

  test("other blocks and packed layers become dense", async () => {
    const first = quantized(48, 16, 16, true);
    const second = quantized(48, 21, 16, false);
    const plan = planProduct([first.linear, second.linear]);
    expect(plan).toMatchObject({ kind: "f32", inner: 48, outer: 37 });
    const weight = await placed(runtime, plan.weight);
    const values = memory.floats(weight, 48 * 48);
    for (let n = 0; n < 48; n++) {
      for (let k = 0; k < 48; k++) {
        const got = values[Math.floor(n / 8) * 48 * 8 + k * 8 + (n % 8)];
        const wanted =
          n < 16 ? first.value(k, n) : n < 37 ? second.value(k, n - 16) : 0;
        expect(got).toBeCloseTo(wanted, 5);
      }
    }
  });

  test("productFloat of a row alone", () => {
    const [rows, inner, outer] = [8, 36, 48];
    const x = place(memory, noise(rows * inner, 1));
    const w = place(memory, noise(inner * outer, 2));
    const bias = place(memory, noise(outer, 3));
    const y = memory.allocate(rows * outer * 4);
    const run = (first: number, count: number): number[] => {
      const shape = [count, inner, outer, count, 0] as const;
      const at = x + first * inner * 4;
      runtime.pool.run("productFloat", all(6), at, w, bias, 0, y, ...shape);
      return floats(y, count * outer);
    };
    const got = run(0, rows);
    for (let row = 0; row < rows; row++) {
      const start = row * outer;
      expect(run(row, 1)).toEqual(got.slice(start, start + outer));
    }
  });

  test("addRmsNorm", () => {
    const [rows, width, epsilon] = [3, 20, 1e-2];
    const [x, branch] = [noise(rows * width, 1), noise(rows * width, 2)];
    const gamma = noise(width, 3);
    const stream = place(memory, x);
    const y = memory.allocate(rows * width * 4);
    const scale = place(memory, gamma);
    const run = (added: number) => {
      const split = all(rows);
      const { pool } = runtime;
      pool.run("addRmsNorm", split, stream, added, scale, y, width, epsilon);
    };
    run(place(memory, branch));
    const sum = x.map((value, i) => value + (branch[i] ?? NaN));
    expect(floats(stream, x.length)).toEqual([...sum]);
    const wanted = [...sum].map((value, i) => {
      const row = Math.floor(i / width);
      const part = sum.subarray(row * width, (row + 1) * width);
      const mean = part.reduce((a, b) => a + b * b, 0) / width;
      return (value / Math.sqrt(mean + epsilon)) * (gamma[i % width] ?? NaN);
    });
    for (const added of [undefined, 0]) {
      if (added !== undefined) run(added);
      for (const [i, value] of floats(y, x.length).entries()) {
        expect(value).toBeCloseTo(wanted[i] ?? NaN, 5);
      }
    }
  });

  test.each([0, 1])("gate, alone: %i", (alone) => {
    const [rows, width] = [3, 12];
    const parts = alone === 1 ? 1 : 2;
    const x = noise(rows * width * parts, 5).map((value) => value * 20);
    const y = memory.allocate(rows * width * 4);
    runtime.pool.run("gate", all(rows), place(memory, x), y, width, alone);
    for (const [i, value] of floats(y, rows * width).entries()) {
      const [row, column] = [Math.floor(i / width), i % width];
      const from = row * width * parts + column;
      const open = x[from] ?? NaN;
      const up = alone === 1 ? 1 : (x[from + width] ?? NaN);
      expect(value).toBeCloseTo((open / (1 + Math.exp(-open))) * up, 4);
    }
  });

  test.each([
    [8, 8, 0],
    [16, 16, 0],
    [16, 12, 0],
    [8, 6, 1],
  ])(
    "rotateIntoCache: %i features, %i rotated, interleaved: %i",
    (headDim, rotated, interleaved) => {
      const [heads, kvHeads, rows, capacity, position] = [4, 2, 3, 9, 5];
      const width = (heads + 2 * kvHeads) * headDim;
      const qkv = noise(rows * width, 6);
      const half = rotated / 2;
      const [cos, sin] = [noise(capacity * half, 7), noise(capacity * half, 8)];
      const at = place(memory, qkv);
      const size = kvHeads * capacity * headDim;
      const [keys, values] = [
        place(memory, new Float32Array(size)),
        place(memory, new Float32Array(size)),
      ];
      runtime.pool.run(
        "rotateIntoCache",
        all(rows),
        at,
        place(memory, cos),
        place(memory, sin),
        keys,
        values,
        heads,
        kvHeads,
        headDim,
        rotated,
        interleaved,
        capacity,
        position,
      );
      const turned = (row: number, head: number, i: number): number => {
        const start = row * width + head * headDim;
        if (i >= rotated) return qkv[start + i] ?? NaN;
        const pair = interleaved === 1 ? i >> 1 : i % half;
        const isSecond = interleaved === 1 ? i % 2 === 1 : i >= half;
        const [a, b] =
          interleaved === 1
            ? [qkv[start + 2 * pair], qkv[start + 2 * pair + 1]]
            : [qkv[start + pair], qkv[start + half + pair]];
        const angle = (position + row) * half + pair;
        const [c = NaN, s = NaN] = [cos[angle], sin[angle]];
        const [x = NaN, y = NaN] = [a, b];
        return isSecond ? y * c + x * s : x * c - y * s;
      };
      for (let row = 0; row < rows; row++) {
        for (let head = 0; head < heads + kvHeads; head++) {
          for (let i = 0; i < headDim; i++) {
            const kv = head - heads;
            const cached = (kv * capacity + position + row) * headDim + i;
            const got =
              kv < 0
                ? memory.floats(at, qkv.length)[
                    row * width + head * headDim + i
                  ]
                : memory.floats(keys, size)[cached];
            expect(got).toBeCloseTo(turned(row, head, i), 5);
            if (kv < 0) continue;
            const from = (heads + kvHeads + kv) * headDim + i;
            const value = memory.floats(values, size)[cached];
            expect(value).toBe(qkv[row * width + from]);
          }
        }
      }
    },
  );

  test.each([
    [4, 0, 1],
    [20, 3, 2],
    [64, 70, 5],
  ])(
    "cachedAttention: %i features after %i positions, %i rows",
    (headDim, position, rows) => {
      const [heads, kvHeads, capacity, scale] = [4, 2, 80, 0.7];
      const width = (heads + 2) * headDim;
      const q = noise(rows * width, 1);
      const size = kvHeads * capacity * headDim;
      const [k, v] = [noise(size, 2), noise(size, 3)];
      const y = memory.allocate(rows * heads * headDim * 4);
      const scores = memory.allocate(rows * heads * 32 * 4);
      const [from, keys, values] = [q, k, v].map((one) => place(memory, one));
      const run = (first: number, count: number): number[] => {
        runtime.pool.run(
          "cachedAttention",
          all(count * heads),
          (from ?? NaN) + first * width * 4,
          keys ?? NaN,
          values ?? NaN,
          y,
          scores,
          width * 4,
          heads,
          kvHeads,
          headDim,
          capacity,
          position + first,
          scale,
        );
        return floats(y, count * heads * headDim);
      };
      const got = run(0, rows);
      for (let row = 0; row < rows; row++) {
        for (let head = 0; head < heads; head++) {
          const cache = Math.floor(head / 2) * capacity * headDim;
          const query = row * width + head * headDim;
          const logits = Array.from({ length: position + row + 1 }, (_, p) => {
            let sum = 0;
            for (let i = 0; i < headDim; i++) {
              const key = k[cache + p * headDim + i] ?? NaN;
              sum += (q[query + i] ?? NaN) * key;
            }
            return sum * scale;
          });
          const most = Math.max(...logits);
          const weights = logits.map((logit) => Math.exp(logit - most));
          const total = weights.reduce((a, b) => a + b, 0);
          for (let i = 0; i < headDim; i++) {
            const sum = weights.reduce((before, weight, p) => {
              return before + weight * (v[cache + p * headDim + i] ?? NaN);
            }, 0);
            const result = got[(row * heads + head) * headDim + i];
            expect(result).toBeCloseTo(sum / total, 5);
          }
        }
        const size = heads * headDim;
        const start = row * size;
        expect(run(row, 1)).toEqual(got.slice(start, start + size));
      }
    },
  );

  test("argmax takes the first of equal values and skips NaN", () => {
    const rows = [
      [1, 5, 2, 5, -1, 0, 3],
      [NaN, -3, -2, NaN, -2, -9, -4],
      [-1, -2, -3, -4, -5, -6, 7],
      [NaN, NaN, NaN, NaN, NaN, NaN, NaN],
    ];
    const x = place(memory, Float32Array.from(rows.flatMap((r) => [...r, 9])));
    const indices = memory.allocate(16);
    runtime.pool.run("argmax", all(4), x, indices, 7, 32);
    expect([...memory.integers(indices, 4)]).toEqual([1, 2, 6, 0]);
  });
});
