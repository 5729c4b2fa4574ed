import { expect, test } from "vitest";
import { attentionVariants } from "./attention";
import { depthwiseVariants } from "./depthwise";
import { normVariants } from "./norm";
import { planesVariants } from "./planes";
import { pointwiseVariants, type Pointwise } from "./pointwise";
import type { StorageType } from "./storage-type";
import type { Variant } from "./variant";

const limits = {
  maxComputeWorkgroupsPerDimension: 65535,
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupStorageSize: 16384,
} as GPUSupportedLimits;

function everyVariant(type: StorageType): Variant[] {
  const base = { type, bias: true, activation: "gelu" } as const;
  const picture = {
    ...{ ...base, width: 30, height: 20, outWidth: 30, outHeight: 20 },
    ...{ channels: 12, kernel: 3, stride: 1, left: 1, top: 1 },
  };
  const product = { ...base, skip: true, inner: 8, columns: 12 };
  const norm = { type, rows: 3, width: 8, epsilon: 1e-5, skip: true };
  return [
    ...pointwiseVariants({ ...product, rows: 1 }, limits),
    ...pointwiseVariants({ ...product, rows: 40 }, limits),
    ...[1, 2, 4].flatMap((multiplier) =>
      depthwiseVariants({ ...picture, multiplier }, limits),
    ),
    ...planesVariants({ ...picture, planes: 3 }, limits),
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

test("halves differ in how they lie, and in nothing else", () => {
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

test("every marked loop is written out", () => {
  for (const { kernel } of everyVariant("float32")) {
    expect(kernel.code, kernel.label).not.toContain("// unroll");
  }
});

test("more workgroups than an adapter allows are none of its ways", () => {
  const few = { ...limits, maxComputeWorkgroupsPerDimension: 2 };
  const shape: Pointwise = {
    ...{ rows: 400, inner: 8, columns: 1024, bias: false, skip: false },
    ...({ type: "float32", activation: "none" } as const),
  };
  for (const { workgroups } of pointwiseVariants(shape, few)) {
    expect(Math.max(...workgroups)).toBeLessThanOrEqual(2);
  }
  expect(pointwiseVariants(shape, few).length).toBeLessThan(
    pointwiseVariants(shape, limits).length,
  );
});
