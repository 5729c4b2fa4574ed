import { expect, test } from "vitest";
import { int8PanelBytes, int8RowBytes, writeInt8Scales } from "./product-int8";
import { openKernels } from "./testing/open-kernels";

/** Numbers in [0, 1), the same in each run. */
function* random(): Generator<number, never> {
  for (let state = 1; ;) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    yield state / 2 ** 32;
  }
}

interface Weight {
  readonly signed: boolean;
  readonly bytes: Uint8Array;
  readonly scales: Float32Array;
  readonly zeros: Int32Array;
}

/** DynamicQuantizeLinear: y = a scale · (a − zero). */
function quantized(x: Float32Array) {
  const low = Math.min(0, ...x);
  const high = Math.max(0, ...x);
  const scale = Math.fround(Math.fround(high - low) / 255);
  const zero = even(Math.min(255, Math.max(0, Math.fround(-low / scale))));
  const values = x.map((value) => {
    const q = even(Math.fround(value / scale)) + zero;
    return Math.min(255, Math.max(0, q));
  });
  return { scale, zero, values };
}

/** Rounds half to even. */
function even(value: number): number {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}

const cases = [
  { rows: 1, inner: 896, outer: 48, signed: true },
  { rows: 7, inner: 67, outer: 50, signed: true },
  { rows: 6, inner: 130, outer: 16, signed: false },
  { rows: 2, inner: 3, outer: 5, signed: false },
];
const variants = [
  { relaxed: false, words: true },
  { relaxed: true, words: true },
  { relaxed: true, words: false },
];

test.each(
  cases.flatMap((shape) => variants.map((kind) => ({ ...shape, ...kind }))),
)(
  "$rows x $inner x $outer, signed: $signed, relaxed: $relaxed, words: $words",
  async ({ rows, inner, outer, signed, relaxed, words }) => {
    const { memory, pool } = await openKernels(relaxed);
    const next = random();
    const value = () => next.next().value;
    const x = Float32Array.from(
      { length: rows * inner },
      () => value() * 5 - 2,
    );
    const weight: Weight = {
      signed,
      bytes: Uint8Array.from({ length: inner * outer }, () => value() * 256),
      scales: Float32Array.from({ length: outer }, () => value() / 100),
      zeros: Int32Array.from({ length: outer }, () =>
        Math.floor(signed ? value() * 20 - 10 : value() * 256),
      ),
    };
    const bias = Float32Array.from({ length: outer }, value);

    const panels = Math.ceil(outer / 16);
    const once = { count: 1, grain: 1 };
    const all = { count: panels, grain: 1 };
    const put = (data: Float32Array | Uint8Array) => {
      const address = memory.allocate(data.byteLength + 64);
      const { buffer, byteOffset, byteLength } = data;
      const bytes = new Uint8Array(buffer, byteOffset, byteLength);
      memory.bytes(address, byteLength).set(bytes);
      return address;
    };
    const from = put(x);
    const biasAt = put(bias);
    const probe = memory.allocate(4);
    pool.run("probeDot", once, probe);
    const best = memory.integers(probe, 1)[0] ?? NaN;
    const form = words ? 2 : best;
    if (!relaxed) expect(best).toBe(2);

    const w = memory.allocate(panels * int8PanelBytes(inner));
    const stored = put(weight.bytes);
    const cut = 4 * Math.floor(inner / 8);
    const flip = signed ? 0 : 128;
    for (const [first, count] of [
      [0, cut],
      [cut, inner - cut],
    ] as const) {
      const source = stored + first * outer;
      const shape = [inner, outer, first, count, flip] as const;
      if (count > 0) pool.run("packInt8", all, source, w, ...shape);
    }
    writeInt8Scales(memory, w, { inner, outer, ...weight });

    const ranges = memory.allocate(rows * 8);
    const quantizedRows = memory.allocate(rows * int8RowBytes(inner, form));
    const every = { count: rows, grain: 1 };
    pool.run("rowRanges", every, from, ranges, inner);
    const sizes = [rows, inner, form] as const;
    pool.run("quantizeRows", every, from, ranges, quantizedRows, ...sizes);
    const y = memory.allocate(rows * panels * 64);
    const shape = [rows, inner, panels * 64, form] as const;
    pool.run("productInt8", all, quantizedRows, w, biasAt, y, ...shape);

    const { scale, zero, values } = quantized(x);
    const expected: number[] = [];
    const found: number[] = [];
    const signOf = (byte: number) => (signed ? (byte << 24) >> 24 : byte);
    for (let row = 0; row < rows; row++) {
      for (let n = 0; n < outer; n++) {
        let sum = 0;
        for (let k = 0; k < inner; k++) {
          const a = (values[row * inner + k] ?? NaN) - zero;
          const b = signOf(weight.bytes[k * outer + n] ?? NaN);
          sum += a * (b - (weight.zeros[n] ?? NaN));
        }
        const factor = Math.fround(scale * (weight.scales[n] ?? NaN));
        const product = Math.fround(Math.fround(sum) * factor);
        expected.push(Math.fround(product + (bias[n] ?? NaN)));
        const at = row * panels * 16 + n;
        found.push(memory.floats(y, rows * panels * 16)[at] ?? NaN);
      }
    }
    expect(found).toEqual(expected);
  },
);
