import differenceCode from "./difference.wgsl?raw";
import { prepare, type KernelDispatch } from "./kernel";
import noiseCode from "./noise.wgsl?raw";
import type { StorageType } from "./kernel-variant";
import { unroll } from "./unroll";

/** Enough threads for any adapter; each handles many elements. */
const GROUPS = [256, 1, 1] as const;

function kernel(label: string, code: string, type: StorageType) {
  const constants = { HALF: type === "float16" ? 1 : 0 };
  return { label, code: unroll(code, constants) };
}

/** Fills a binding with numbers between -1 and 1. */
export function fillWithNoise(
  device: GPUDevice,
  type: StorageType,
  target: GPUBufferBinding,
): KernelDispatch {
  return prepare(device, kernel("noise", noiseCode, type), [target], GROUPS);
}

/** Raises the two f32 in `worst` to max |a - b| and max |a|. */
export function maxDifference(
  device: GPUDevice,
  type: StorageType,
  [a, b]: readonly [GPUBufferBinding, GPUBufferBinding],
  worst: GPUBufferBinding,
): KernelDispatch {
  const difference = kernel("difference", differenceCode, type);
  return prepare(device, difference, [a, b, worst], GROUPS);
}
