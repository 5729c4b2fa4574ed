import { expect, test } from "vitest";
import { attentionVariants } from "./attention";
import { depthwiseConvolutionVariants } from "./depthwise-convolution";
import { normVariants } from "./norm";
import { planarConvolutionVariants } from "./planar-convolution";
import { matMulVariants, type MatMulShape } from "./matmul";
import type { KernelVariant, StorageType } from "./kernel-variant";

const limits = {
  maxComputeWorkgroupsPerDimension: 65535,
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupStorageSize: 16384,
} as GPUSupportedLimits;

function everyVariant(type: StorageType): KernelVariant[] {
  const base = { type, bias: true, activation: "gelu" } as const;
  const image = {
    ...{ ...base, width: 30, height: 20, outWidth: 30, outHeight: 20 },
    ...{ channels: 12, kernel: 3, stride: 1, left: 1, top: 1 },
  };
  const product = { ...base, skip: true, inner: 8, columns: 12 };
  const norm = { type, rows: 3, width: 8, epsilon: 1e-5, skip: true };
  return [
    ...matMulVariants({ ...product, rows: 1 }, limits),
    ...matMulVariants({ ...product, rows: 40 }, limits),
    ...[1, 2, 4].flatMap((multiplier) =>
      depthwiseConvolutionVariants({ ...image, multiplier }, limits),
    ),
    ...planarConvolutionVariants({ ...image, planes: 3 }, limits),
    ...[true, false].flatMap((sums) =>
      normVariants({ ...norm, sums, bias: true, centered: true }, limits),
    ),
    ...attentionVariants(
      {
        ...{ type, queries: 2, heads: 4, reps: 2, headDim: 32 },
        ...{ capacity: 9, total: 0, causal: true, alpha: 1 },
      },
      limits,
    ),
  ];
}

test("differs only in the storage type between float16 and float32", () => {
  const [whole, half] = [everyVariant("float32"), everyVariant("float16")];
  expect(whole.length).toBeGreaterThan(20);
  expect(half.map(({ kernel }) => kernel.code)).toEqual(
    whole.map(
      ({ kernel }) =>
        "enable f16;\n" +
        kernel.code.replace("alias Stored = f32;", "alias Stored = f16;"),
    ),
  );
});

test("unrolls every marked loop", () => {
  for (const { kernel } of everyVariant("float32")) {
    expect(kernel.code, kernel.label).not.toContain("// unroll");
  }
});

test("leaves out variants with too many workgroups", () => {
  const few = { ...limits, maxComputeWorkgroupsPerDimension: 2 };
  const shape: MatMulShape = {
    ...{ rows: 400, inner: 8, columns: 1024, bias: false, skip: false },
    ...({ type: "float32", activation: "none" } as const),
  };
  for (const { workgroups } of matMulVariants(shape, few)) {
    expect(Math.max(...workgroups)).toBeLessThanOrEqual(2);
  }
  expect(matMulVariants(shape, few).length).toBeLessThan(
    matMulVariants(shape, limits).length,
  );
});
