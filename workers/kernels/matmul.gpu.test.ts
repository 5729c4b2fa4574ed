import { expect, test } from "vitest";
import { describeEpilogue } from "./epilogue";
import { matMulUniform, matMulVariants, type MatMulShape } from "./matmul";
import { matMulReference } from "./matmul.reference";
import { maxAbsDifference, runVariant } from "./testing/run-variant";
import { useDevice } from "./testing/gpu";
import { noise } from "./testing/random";

let device: GPUDevice;

useDevice((opened) => {
  device = opened;
});

const base = {
  type: "float32",
  bias: false,
  activation: "none",
  skip: false,
} as const;
const shapes: MatMulShape[] = [
  { ...base, rows: 1, inner: 4, columns: 4, activation: "sigmoid" },
  { ...base, rows: 1, inner: 192, columns: 448, bias: true },
  { ...base, rows: 1, inner: 500, columns: 68, bias: true, skip: true },
  { ...base, rows: 7, inner: 12, columns: 20, bias: true, activation: "gelu" },
  {
    ...base,
    rows: 37,
    inner: 36,
    columns: 76,
    activation: "relu",
    skip: true,
  },
  { ...base, rows: 65, inner: 68, columns: 132, bias: true, skip: true },
  {
    ...base,
    rows: 130,
    inner: 28,
    columns: 4,
    bias: true,
    activation: "gelu",
  },
];

for (const shape of shapes) {
  const { rows, inner, columns } = shape;
  const extras = describeEpilogue(shape).join(" ");
  test(`${rows} x ${inner} x ${columns} ${extras}`, async () => {
    const data = {
      x: noise(rows * inner, 1),
      w: noise(inner * columns, 2),
      bias: noise(columns, 3),
      skip: noise(rows * columns, 4),
    };
    const expected = matMulReference(shape, data);
    const variants = matMulVariants(shape, device.limits);
    expect(variants.length).toBeGreaterThan(0);
    for (const variant of variants) {
      const y = await runVariant(
        device,
        variant,
        [data.x, data.w, data.bias, data.skip],
        rows * columns,
        matMulUniform(shape),
      );
      expect(maxAbsDifference(y, expected), variant.kernel.label).toBeLessThan(
        2e-5,
      );
    }
  });
}

test("has no variants for widths that are not multiples of 4", () => {
  const odd = { ...base, rows: 9 };
  const { limits } = device;
  expect(matMulVariants({ ...odd, inner: 6, columns: 8 }, limits)).toEqual([]);
  expect(matMulVariants({ ...odd, inner: 8, columns: 6 }, limits)).toEqual([]);
});

test("has only variants within the limits of the adapter", () => {
  const shape = { ...base, rows: 99 };
  const labels = (limits: Partial<GPUSupportedLimits>): string[] =>
    matMulVariants(
      { ...shape, inner: 64, columns: 64 },
      { ...device.limits, maxComputeWorkgroupsPerDimension: 65535, ...limits },
    ).map(({ kernel }) => kernel.label);
  const all = labels({
    maxComputeInvocationsPerWorkgroup: 256,
    maxComputeWorkgroupStorageSize: 32768,
  });
  const few = labels({
    maxComputeInvocationsPerWorkgroup: 128,
    maxComputeWorkgroupStorageSize: 8192,
  });
  expect(all.filter((label) => !few.includes(label))).toEqual([
    "matmul-tiled 4x4 16x16 4",
    "matmul-tiled 8x8 8x8 4",
    "matmul-tiled 4x4 8x8 8",
  ]);
});
