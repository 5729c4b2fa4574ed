import differenceCode from "./difference.wgsl?raw";
import { prepare, type Dispatch } from "./kernel";
import noiseCode from "./noise.wgsl?raw";
import type { StorageType } from "./storage-type";
import { unroll } from "./unroll";

/** Threads enough for any adapter; each goes over many places. */
const GROUPS = [256, 1, 1] as const;

function kernel(label: string, code: string, type: StorageType) {
  const constants = { HALF: type === "float16" ? 1 : 0 };
  return { label, code: unroll(code, constants) };
}

/** Fills what is bound with numbers between -1 and 1. */
export function noiseInto(
  device: GPUDevice,
  type: StorageType,
  target: GPUBufferBinding,
): Dispatch {
  return prepare(device, kernel("noise", noiseCode, type), [target], GROUPS);
}

/** Raises the two floats of `worst` to max |a - b| and max |a|. */
export function differenceOf(
  device: GPUDevice,
  type: StorageType,
  [a, b]: readonly [GPUBufferBinding, GPUBufferBinding],
  worst: GPUBufferBinding,
): Dispatch {
  const difference = kernel("difference", differenceCode, type);
  return prepare(device, difference, [a, b, worst], GROUPS);
}
