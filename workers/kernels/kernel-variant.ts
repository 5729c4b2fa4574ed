import type { Kernel, Workgroups } from "./kernel";

/** The number format of a kernel's buffers. All sums are computed in f32. */
export type StorageType = "float32" | "float16";

/** Declares `Stored`, the number type of a shader's buffers. */
export function storagePrelude(type: StorageType): string {
  return type === "float32"
    ? "alias Stored = f32;\n"
    : "enable f16;\nalias Stored = f16;\n";
}

/** One of several kernels for the same operation; a trial on the adapter finds
 * the fastest. */
export interface KernelVariant {
  /** Variants of a family differ in their tile sizes only. */
  readonly family: string;
  readonly kernel: Kernel;
  readonly workgroups: Workgroups;
}

/** The variants whose dispatch is within the adapter's limits. */
export function withinLimits(
  variants: readonly KernelVariant[],
  { maxComputeWorkgroupsPerDimension: most }: GPUSupportedLimits,
): KernelVariant[] {
  return variants.filter(({ workgroups }) =>
    workgroups.every((count) => count <= most),
  );
}
