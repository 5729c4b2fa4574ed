import { encode, prepare, upload } from "../kernel";
import { readBack, storage, submit } from "./gpu";
import type { KernelVariant } from "../kernel-variant";

/** Runs `variant` on `inputs`. The result buffer is filled with NaN and has a
 * margin that the kernel must not write to. */
export async function runVariant(
  device: GPUDevice,
  variant: KernelVariant,
  inputs: readonly ArrayBufferView<ArrayBuffer>[],
  count: number,
  size: Uint32Array<ArrayBuffer>,
): Promise<Float32Array> {
  const blank = new Float32Array(count + MARGIN).fill(NaN);
  const result = storage(device, blank);
  const uniform = upload(device, "test", size, GPUBufferUsage.UNIFORM);
  const stored = inputs.map((data) => storage(device, data));
  const buffers = [...stored, result, uniform];
  const bindings = buffers.map((buffer) => ({ buffer }));
  const { kernel, workgroups } = variant;
  const dispatch = prepare(device, kernel, bindings, workgroups);
  submit(device, (pass) => {
    encode(pass, dispatch);
  });
  const all = new Float32Array(await readBack(device, result));
  for (const buffer of buffers) buffer.destroy();
  if (!all.subarray(count).every(Number.isNaN)) {
    throw new Error("The kernel wrote beyond its result");
  }
  return all.subarray(0, count);
}

const MARGIN = 64;

/** The largest difference; NaN if any number is NaN. */
export function maxAbsDifference(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) return NaN;
  return a.reduce((most, value, i) => {
    const difference = Math.abs(value - (b[i] ?? NaN));
    return difference > most || Number.isNaN(difference) ? difference : most;
  }, 0);
}
