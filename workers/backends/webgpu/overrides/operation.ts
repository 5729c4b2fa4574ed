import { describeEpilogue, type Epilogue } from "../../../kernels/epilogue";
import type {
  KernelVariant,
  StorageType,
} from "../../../kernels/kernel-variant";
import type { BufferRange } from "./ort-shader";

/** What recorded commands compute, as an operation of our kernels. */
export interface Operation {
  readonly name: string;
  /** Operations of the same kind share one trial. */
  readonly kind: string;
  readonly type: StorageType;
  /** Of its products; 0 if it is limited by memory only. */
  readonly multiplyAdds: number;
  readonly variants: (limits: GPUSupportedLimits) => KernelVariant[];
  readonly uniform: Uint32Array<ArrayBuffer>;
  /**
   * The first bindings of our kernel. Its bindings are, in this order:
   * 1. `ranges`, which include the first output
   * 2. `uniform`
   * 3. the other `outputs`
   */
  readonly ranges: readonly BufferRange[];
  /** Inputs that are not weights: a trial fills them with noise. */
  readonly noisy: readonly BufferRange[];
  /** Inputs that need valid contents in a trial. */
  readonly preset?: readonly {
    readonly range: BufferRange;
    readonly words: readonly number[];
  }[];
  /** The buffers of the results: the first is also the last of `ranges`. */
  readonly outputs: readonly BufferRange[];
  /** How many numbers each of `outputs` has: a trial compares them. */
  readonly results: readonly number[];
}

/** A prompt has any number of rows. One trial serves all counts up to the next
 * limit, among which the same tiles fit. */
export function roundedRows(rows: number): number {
  const few = [1, 3, 7, 31].find((most) => rows <= most);
  return few ?? 2 * 4 ** (Math.floor(Math.log2(rows / 2) / 2) + 1) - 1;
}

export function describeShape(epilogue: Epilogue, type: StorageType): string {
  return [...describeEpilogue(epilogue), type].join(" ");
}

/** Whether each range has room for its count of numbers, and no count is 0. */
export function rangesHold(
  type: StorageType,
  ...pairs: readonly (readonly [range: BufferRange, count: number])[]
): boolean {
  const bytes = type === "float32" ? 4 : 2;
  return pairs.every(([{ size }, count]) => count > 0 && size >= count * bytes);
}
