import { expect, test } from "vitest";
import { GpuTimer } from "./gpu-timer";
import { encode, prepare, type KernelDispatch } from "./kernel";
import { openDevice, storage } from "./testing/gpu";

const code = `
  @group(0) @binding(0) var<storage, read_write> sums: array<u32>;
  @compute @workgroup_size(64)
  fn main(@builtin(global_invocation_id) id: vec3u) {
    for (var i = 0u; i < 400; i++) {
      sums[id.x] = sums[id.x] * 3 + (sums[id.x] >> 5) + i;
    }
  }`;

function submit(
  device: GPUDevice,
  timer: GpuTimer,
  passes: readonly (readonly [stage: string, dispatch: KernelDispatch])[],
): Promise<Readonly<Record<string, number>>> {
  const encoder = device.createCommandEncoder();
  for (const [stage, dispatch] of passes) {
    const pass = encoder.beginComputePass(timer.pass(stage));
    encode(pass, dispatch);
    pass.end();
  }
  timer.resolve(encoder);
  device.queue.submit([encoder.finish()]);
  return timer.read();
}

test("measures stages repeatedly", async () => {
  const device = await openDevice(["timestamp-query"]);
  const timer = GpuTimer.of(device);
  if (timer === undefined) throw new Error("no timer");
  const buffer = storage(device, 4 * 64 * 4096);
  const over = (groups: number): KernelDispatch =>
    prepare(device, { label: "sums", code }, [{ buffer }], [groups, 1, 1]);
  const [small, large] = [over(16), over(4096)];
  await submit(device, timer, [["warm-up", large]]);
  const laps = await submit(device, timer, [
    ["short", small],
    ["long", large],
    ["long", large],
  ]);
  expect(Object.keys(laps)).toEqual(["short", "long"]);
  expect(laps["long"]).toBeGreaterThan(4 * (laps["short"] ?? NaN));

  // More passes than fit: only stages that were measured completely.
  const many = Array.from({ length: 130 }, () => ["many", small] as const);
  const first = ["first", small] as const;
  const some = await submit(device, timer, [first, ...many]);
  expect(Object.keys(some)).toEqual(["first"]);
  expect(await submit(device, timer, [])).toEqual({});
  const again = await submit(device, timer, [["again", small]]);
  expect(Object.keys(again)).toEqual(["again"]);
  timer.dispose();
  device.destroy();
});

test("is undefined without timestamp queries", async () => {
  const device = await openDevice();
  expect(GpuTimer.of(device)).toBeUndefined();
  device.destroy();
});
