import { encode, prepare, upload } from "../kernel";
import type { KernelVariant } from "../kernel-variant";

/** Runs `variant` on `inputs`. The result buffer is filled with NaN and has a
 * margin that the kernel must not write to. */
export async function runVariant(
  device: GPUDevice,
  variant: KernelVariant,
  inputs: readonly Float32Array<ArrayBuffer>[],
  count: number,
  size: Uint32Array<ArrayBuffer>,
): Promise<Float32Array> {
  const { STORAGE, COPY_SRC, COPY_DST, MAP_READ, UNIFORM } = GPUBufferUsage;
  const upFloats = (data: Float32Array<ArrayBuffer>) =>
    upload(
      device,
      "test",
      new Uint32Array(data.buffer, data.byteOffset, data.length),
      STORAGE | COPY_SRC,
    );
  const result = upFloats(new Float32Array(count + MARGIN).fill(NaN));
  const uniform = upload(device, "test", size, UNIFORM);
  const buffers = [...inputs.map(upFloats), result, uniform];
  const back = device.createBuffer({
    size: result.size,
    usage: COPY_DST | MAP_READ,
  });
  const dispatch = prepare(
    device,
    variant.kernel,
    buffers.map((buffer) => ({ buffer })),
    variant.workgroups,
  );
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  encode(pass, dispatch);
  pass.end();
  encoder.copyBufferToBuffer(result, 0, back, 0, result.size);
  device.queue.submit([encoder.finish()]);
  await back.mapAsync(GPUMapMode.READ);
  const all = new Float32Array(back.getMappedRange().slice(0));
  for (const buffer of [...buffers, back]) buffer.destroy();
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
