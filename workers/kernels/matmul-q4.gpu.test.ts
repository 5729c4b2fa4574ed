import { expect, test } from "vitest";
import { matMulQ4Reference } from "./matmul-q4.reference";
import {
  matMulQ4Uniform,
  matMulQ4Variants,
  type MatMulQ4Shape,
} from "./matmul-q4";
import { useDevice } from "./testing/gpu";
import { randomQ4Weights } from "./testing/q4-weights";
import { noise } from "./testing/random";
import { maxAbsDifference, runVariant } from "./testing/run-variant";

let device: GPUDevice;

useDevice((opened) => {
  device = opened;
});

const base = { type: "float32", zeros: false, bias: false } as const;
const shapes: MatMulQ4Shape[] = [
  { ...base, rows: 1, inner: 8, columns: 1, blockSize: 16 },
  { ...base, rows: 1, inner: 896, columns: 67, blockSize: 32, bias: true },
  { ...base, rows: 1, inner: 200, columns: 35, blockSize: 64, zeros: true },
  { ...base, rows: 3, inner: 72, columns: 21, blockSize: 16, zeros: true },
  { ...base, rows: 5, inner: 264, columns: 50, blockSize: 256, bias: true },
  { ...base, rows: 37, inner: 160, columns: 131, blockSize: 32, zeros: true },
  {
    ...{ ...base, rows: 65, inner: 328, columns: 18, blockSize: 128 },
    ...{ zeros: true, bias: true },
  },
];

const nameOf = ({
  rows,
  inner,
  columns,
  blockSize,
  zeros,
  bias,
}: MatMulQ4Shape) =>
  `${rows} x ${inner} x ${columns} in blocks of ${blockSize}${zeros ? " with zero points" : ""}${bias ? " and bias" : ""}`;

/** The result of each variant, by its label. */
async function runAll(
  shape: MatMulQ4Shape,
  x: Float32Array<ArrayBuffer>,
): Promise<Map<string, Float32Array>> {
  const { rows, columns } = shape;
  const { packed, scales, zeros } = randomQ4Weights(shape, 1);
  const bias = noise(columns, 5);
  const results = new Map<string, Float32Array>();
  for (const variant of matMulQ4Variants(shape, device.limits)) {
    const y = await runVariant(
      device,
      variant,
      [x, packed, scales, zeros, bias],
      rows * columns,
      matMulQ4Uniform(shape),
    );
    results.set(variant.kernel.label, y);
  }
  return results;
}

for (const shape of shapes) {
  test(nameOf(shape), async () => {
    const { rows, inner, columns } = shape;
    const x = noise(rows * inner, 4);
    const weights = randomQ4Weights(shape, 1);
    const bias = noise(columns, 5);
    const expected = matMulQ4Reference(shape, x, weights, bias);
    const results = await runAll(shape, x);
    expect(results.size).toBeGreaterThan(0);
    for (const [label, y] of results) {
      expect(maxAbsDifference(y, expected), label).toBeLessThan(1e-4);
    }
  });
}

test("gives a row the same result in any number of rows", async () => {
  const shape = { ...base, inner: 136, columns: 33, blockSize: 32 };
  const x = noise(9 * shape.inner, 4);
  const alone = await runAll({ ...shape, rows: 1 }, x.slice(0, shape.inner));
  const expected = alone.get("matmul-q4 1x16 4x1");
  for (const [label, y] of await runAll({ ...shape, rows: 9 }, x)) {
    expect(y.subarray(0, shape.columns), label).toEqual(expected);
  }
});

test("has no variants for sizes that are not multiples of 8", () => {
  const shape = { ...base, rows: 9, columns: 8, blockSize: 16 };
  const { limits } = device;
  expect(matMulQ4Variants({ ...shape, inner: 12 }, limits)).toEqual([]);
});

test("has only variants within the limits of the adapter", () => {
  const shape = { ...base, rows: 99, inner: 64, columns: 64, blockSize: 32 };
  const labels = (maxComputeWorkgroupStorageSize: number): string[] =>
    matMulQ4Variants(shape, {
      ...device.limits,
      maxComputeWorkgroupsPerDimension: 65535,
      maxComputeInvocationsPerWorkgroup: 256,
      maxComputeWorkgroupStorageSize,
    }).map(({ kernel }) => kernel.label);
  const [all, few] = [labels(32768), labels(10000)];
  expect(all.filter((label) => !few.includes(label))).toEqual([
    "matmul-q4-tiled 4x4 16x8 8",
    "matmul-q4-tiled 4x4 16x16 8",
  ]);
});
