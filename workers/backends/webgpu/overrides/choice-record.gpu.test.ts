import { afterEach, beforeEach, expect, test } from "vitest";
import { prepare, upload, type Kernel } from "../../../kernels/kernel";
import type { Command } from "../../../ort/capture";
import type { Gpu } from "../../../ort/device";
import { bufferOf, testGpu } from "../../../testing/on-gpu";
import { choose } from "./choose";
import type { Operation } from "./operation";
import { recordOf, useRecord } from "./choice-record";

const NUMBERS = 256;

/** y = x, so many times over. */
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
const slow = copy("slow", 5000);

/** Each load has a device of its own. */
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
  if (record !== undefined) await useRecord(gpu.device, record);
  return gpu.device;
}

interface Chosen {
  readonly kernel: string;
  readonly by: string;
  readonly tried: boolean;
}

/** Of `ours` against what the runtime has, and how that was found. */
async function chosen(
  device: GPUDevice,
  ours: Kernel = quick,
  theirs: Kernel = slow,
  kind = "copy",
): Promise<Chosen> {
  const buffer = () => bufferOf({ device }, NUMBERS * 4);
  const [x, y] = [buffer(), buffer()].map((buffer) => {
    return { buffer, offset: 0, size: buffer.size };
  });
  const words = Uint32Array.of(1, 0, 0, 0);
  const size = upload(device, "size", words, GPUBufferUsage.UNIFORM);
  if (x === undefined || y === undefined) throw new Error("no buffers");
  const { code, label } = theirs;
  const dispatch = prepare(device, theirs, [x, y, { buffer: size }], [1, 1, 1]);
  const command: Command = {
    ...{ ...dispatch, bindings: [], shader: { label, code } },
  };
  const operation: Operation = {
    ...{ name: "copy", kind, type: "float32", results: NUMBERS },
    variants: () => [{ family: "copy", kernel: ours, workgroups: [1, 1, 1] }],
    ...{ size: words, ranges: [x, y], varied: [x], outputs: [y] },
  };
  let tried = false;
  const createBuffer = device.createBuffer.bind(device);
  device.createBuffer = (descriptor) => {
    tried ||= descriptor.label === "trial";
    return createBuffer(descriptor);
  };
  const { by, kernel } = await choose(device, operation, [command]);
  Reflect.deleteProperty(device, "createBuffer");
  await recordOf(device)?.save();
  return { by, kernel, tried };
}

test("what was found in one load is not tried in the next", async () => {
  const found = { by: "ours", kernel: "quick" };
  expect(await chosen(await load(key))).toEqual({ ...found, tried: true });
  expect(await chosen(await load(key))).toEqual({ ...found, tried: false });
});

test("another kernel, another shader, another shape, another adapter: tried", async () => {
  await chosen(await load(key));
  const changed = { ...quick, code: `${quick.code} // changed` };
  const works: [Kernel, Kernel, string][] = [
    [changed, slow, "copy"],
    [quick, { ...slow, code: `${slow.code} // changed` }, "copy"],
    [quick, slow, "wider copy"],
  ];
  for (const work of works) {
    const found = await chosen(await load(key), ...work);
    expect(found).toMatchObject({ tried: true });
  }
  expect(await chosen(await load(key))).toMatchObject({ tried: false });
  const elsewhere = await load(crypto.randomUUID());
  expect(await chosen(elsewhere)).toMatchObject({ tried: true });
});

test("without a record all is tried, and nothing recorded", async () => {
  expect(await chosen(await load(undefined))).toMatchObject({ tried: true });
  expect(await chosen(await load(key))).toMatchObject({ tried: true });
});

test("what another page found meanwhile is kept, too", async () => {
  const [one, two] = [await load(key), await load(key)];
  await chosen(one);
  await chosen(two, other);
  const device = await load(key);
  expect(await chosen(device)).toMatchObject({ tried: false });
  expect(await chosen(device, other)).toMatchObject({ tried: false });
});

test("what is forgotten is tried", async () => {
  const first = await load(key);
  await chosen(first);
  // There is nothing of earlier loads in what this one found itself.
  expect(await recordOf(first)?.forget()).toBe(false);
  await chosen(await load(key));
  const second = await load(key);
  expect(await recordOf(second)?.forget()).toBe(true);
  expect(await chosen(await load(key))).toMatchObject({ tried: true });
});
