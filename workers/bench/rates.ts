import copyCode from "./copy.wgsl?raw";
import { encode, prepare, upload } from "../kernels/kernel";
import { matMulUniform, matMulVariants } from "../kernels/matmul";
import type { StorageType } from "../kernels/kernel-variant";
import { benchmark } from "../kernels/benchmark";
import type { Rates } from "./messages";

/** Sizes of the square product; the larger is used if the smaller is too fast to
 * be measured. */
const SIDES = [512, 2048];
/** Milliseconds below which the start of a dispatch dominates. */
const SHORT = 2;
/** Bytes; more than caches hold. */
const COPIED = 2 ** 28;

export async function measureRates(
  device: GPUDevice,
  half: boolean,
): Promise<Rates> {
  return {
    matmul: await productRate(device, "float32"),
    ...(half && { matmulHalf: await productRate(device, "float16") }),
    copy: await copyRate(device),
  };
}

async function productRate(
  device: GPUDevice,
  type: StorageType,
): Promise<number> {
  let rate = 0;
  for (const side of SIDES) {
    const time = await productTime(device, side, type);
    rate = side ** 3 / (time / 1000);
    if (time >= SHORT) break;
  }
  return rate;
}

async function productTime(
  device: GPUDevice,
  side: number,
  type: StorageType,
): Promise<number> {
  const { STORAGE, UNIFORM } = GPUBufferUsage;
  const shape = { rows: side, inner: side, columns: side };
  const product = {
    ...shape,
    type,
    bias: false,
    activation: "none",
  } as const;
  const ones =
    type === "float32"
      ? new Uint32Array(side * side).fill(0x3f800000)
      : new Uint32Array((side * side) / 2).fill(0x3c003c00);
  const make = () => upload(device, "roofline", ones, STORAGE);
  const [x, w, y] = [make(), make(), make()] as const;
  const none = upload(device, "roofline", new Uint32Array(4), STORAGE);
  const size = upload(device, "roofline", matMulUniform(product), UNIFORM);
  try {
    const buffers = [x, w, none, none, y, size];
    const works = matMulVariants(product, device.limits).map(
      ({ kernel, workgroups }) => {
        const resources = buffers.map((buffer) => ({ buffer }));
        const dispatch = prepare(device, kernel, resources, workgroups);
        return (pass: GPUComputePassEncoder) => encode(pass, dispatch);
      },
    );
    return Math.min(...(await benchmark(device, works)));
  } finally {
    for (const buffer of [x, w, y, none, size]) buffer.destroy();
  }
}

async function copyRate(device: GPUDevice): Promise<number> {
  const { maxBufferSize, maxStorageBufferBindingSize } = device.limits;
  const most = Math.min(COPIED, maxBufferSize, maxStorageBufferBindingSize);
  const size = most - (most % 16);
  const make = () =>
    device.createBuffer({
      label: "roofline",
      size,
      usage: GPUBufferUsage.STORAGE,
    });
  const buffers = [make(), make()];
  try {
    const kernel = { label: "copy", code: copyCode };
    const resources = buffers.map((buffer) => ({ buffer }));
    // One of these has enough threads, and enough work for each thread.
    const works = [64, 1024, 8192].map((groups) => {
      const dispatch = prepare(device, kernel, resources, [groups, 1, 1]);
      return (pass: GPUComputePassEncoder) => encode(pass, dispatch);
    });
    const time = Math.min(...(await benchmark(device, works)));
    return (2 * size) / (time / 1000);
  } finally {
    for (const buffer of buffers) buffer.destroy();
  }
}
