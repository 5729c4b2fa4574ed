import type { Kernel, Workgroups } from "./kernel";

/** One way to compute something; which is quickest is for a trial to say. */
export interface Variant {
  /** Of kernels that work alike, with other tiles. */
  readonly family: string;
  readonly kernel: Kernel;
  readonly workgroups: Workgroups;
}

/** Those that the adapter can run at all. */
export function possible(
  variants: readonly Variant[],
  { maxComputeWorkgroupsPerDimension: most }: GPUSupportedLimits,
): Variant[] {
  return variants.filter(({ workgroups }) =>
    workgroups.every((count) => count <= most),
  );
}
