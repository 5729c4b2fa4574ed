import { afterEach, beforeEach, expect, test } from "vitest";
import { prepare, upload, type Kernel } from "../../../kernels/kernel";
import type { Command } from "../../../ort/command-recorder";
import type { Gpu } from "../../../ort/device";
import { bufferOf, testGpu } from "../../../testing/on-gpu";
import { tryOperation } from "./trial";
import type { Operation } from "./operation";
import { trialRecordOf, useTrialRecord } from "./trial-record";

const NUMBERS = 256;

/** y = x, after `times` additions. */
const copy = (label: string, times: number): Kernel => ({
  label,
  code: `
    @group(0) @binding(0) var<storage, read> x: array<f32>;
    @group(0) @binding(1) var<storage, read_write> y: array<f32>;
    @group(0) @binding(2) var<uniform> size: vec4u;
    @compute @workgroup_size(${NUMBERS})
    fn main(@builtin(local_invocation_index) i: u32) {
      for (var n = 0u; n < ${times}u * size.x; n++) { y[i] += x[i]; }
      y[i] = x[i];
    }`,
});

const quick = copy("quick", 1);
const other = copy("other", 2);
const slow = copy("slow", 500);

/** Each load opens its own device. */
let key: string;
let gpus: Gpu[];

beforeEach(() => {
  key = crypto.randomUUID();
  gpus = [];
});

afterEach(() => {
  for (const gpu of gpus) gpu.close();
});

async function load(record: string | undefined): Promise<GPUDevice> {
  const gpu = await testGpu();
  gpus.push(gpu);
  if (record !== undefined) await useTrialRecord(gpu.device, record);
  return gpu.device;
}

/** The result of trying `kernel` against `ort`, and whether a trial ran. */
async function tryCopy(
  device: GPUDevice,
  kernel: Kernel = quick,
  ort: Kernel = slow,
  kind = "copy",
): Promise<{ kernel: string; faster: string; tried: boolean }> {
  const buffer = () => bufferOf({ device }, NUMBERS * 4);
  const [x, y] = [buffer(), buffer()].map((buffer) => {
    return { buffer, offset: 0, size: buffer.size };
  });
  const words = Uint32Array.of(1, 0, 0, 0);
  const size = upload(device, "size", words, GPUBufferUsage.UNIFORM);
  if (x === undefined || y === undefined) throw new Error("no buffers");
  const { code, label } = ort;
  const dispatch = prepare(device, ort, [x, y, { buffer: size }], [1, 1, 1]);
  const command: Command = {
    ...{ ...dispatch, bindings: [], shader: { label, code } },
  };
  const operation: Operation = {
    ...{
      name: "copy",
      kind,
      type: "float32",
      multiplyAdds: 0,
      results: [NUMBERS],
    },
    variants: () => [{ family: "copy", kernel, workgroups: [1, 1, 1] }],
    ...{ uniform: words, ranges: [x, y], noisy: [x], outputs: [y] },
  };
  let tried = false;
  const createBuffer = device.createBuffer.bind(device);
  device.createBuffer = (descriptor) => {
    tried ||= descriptor.label === "trial";
    return createBuffer(descriptor);
  };
  const result = await tryOperation(device, operation, [command]);
  Reflect.deleteProperty(device, "createBuffer");
  await trialRecordOf(device)?.save();
  return { faster: result.faster, kernel: result.kernel, tried };
}

test("uses the recorded result in the next load", async () => {
  const result = { faster: "kernel", kernel: "quick" };
  expect(await tryCopy(await load(key))).toEqual({ ...result, tried: true });
  expect(await tryCopy(await load(key))).toEqual({ ...result, tried: false });
});

test("tries again for another kernel, shader, shape or adapter", async () => {
  await tryCopy(await load(key));
  const changed = { ...quick, code: `${quick.code} // changed` };
  const works: [Kernel, Kernel, string][] = [
    [changed, slow, "copy"],
    [quick, { ...slow, code: `${slow.code} // changed` }, "copy"],
    [quick, slow, "wider copy"],
  ];
  for (const work of works) {
    const found = await tryCopy(await load(key), ...work);
    expect(found).toMatchObject({ tried: true });
  }
  expect(await tryCopy(await load(key))).toMatchObject({ tried: false });
  const elsewhere = await load(crypto.randomUUID());
  expect(await tryCopy(elsewhere)).toMatchObject({ tried: true });
});

test("tries every operation and stores nothing without a record", async () => {
  expect(await tryCopy(await load(undefined))).toMatchObject({ tried: true });
  expect(await tryCopy(await load(key))).toMatchObject({ tried: true });
});

test("keeps results that another page stored meanwhile", async () => {
  const [one, two] = [await load(key), await load(key)];
  await tryCopy(one);
  await tryCopy(two, other);
  const device = await load(key);
  expect(await tryCopy(device)).toMatchObject({ tried: false });
  expect(await tryCopy(device, other)).toMatchObject({ tried: false });
});

test("tries again after the record was deleted", async () => {
  const first = await load(key);
  await tryCopy(first);
  // Its results are of this load only.
  expect(await trialRecordOf(first)?.forget()).toBe(false);
  await tryCopy(await load(key));
  const second = await load(key);
  expect(await trialRecordOf(second)?.forget()).toBe(true);
  expect(await tryCopy(await load(key))).toMatchObject({ tried: true });
});
