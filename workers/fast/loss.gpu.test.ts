import { afterAll, beforeAll, expect, test } from "vitest";
import type { Gpu } from "../ort/device";
import type { Language } from "../language";
import {
  answer,
  fastLanguage,
  greedy,
  madePrompt,
  openSource,
  plainLanguage,
  type Source,
} from "../testing/fast";
import { failsWith, micro } from "../testing/harness";
import { testGpu } from "../testing/on-gpu";
import type { FastLanguage } from "./language";

const how = { sampling: greedy, draft: [] };
const lost = failsWith("device-lost", "graphics device was lost");

let source: Source;
let wanted: readonly number[];
let plain: Language;

beforeAll(async () => {
  source = await openSource(micro);
  plain = await plainLanguage(source);
  wanted = (await answer(plain, await asked(), 12)).ids;
});

afterAll(() => plain.release());

const asked = () => madePrompt(source, 3, [9, 4, 7]);

/** One that works, whatever happened to those before it. */
async function opened(): Promise<{ gpu: Gpu; fast: FastLanguage }> {
  const gpu = await testGpu();
  const fast = await fastLanguage(source, gpu);
  expect((await answer(fast, await asked(), 12)).ids).toEqual(wanted);
  return { gpu, fast };
}

test("the device is taken away in the middle of a batch", async () => {
  const { gpu, fast } = await opened();
  const { prompt, pictures } = await asked();
  const generation = await fast.begin(prompt, pictures, how);
  await generation.next(1);
  const batch = generation.next(8);
  gpu.device.destroy();
  await expect(batch).rejects.toEqual(lost);
  await expect(generation.next(8)).rejects.toEqual(lost);
  await expect(fast.begin(prompt, pictures, how)).rejects.toEqual(lost);
  generation.dispose();
  await fast.release();
});

test("the device is taken away while a graph is captured", async () => {
  const { gpu, fast } = await opened();
  const { prompt, pictures } = await madePrompt(source, 4, [40, 4, 7]);
  const begun = fast.begin(prompt, pictures, how);
  await new Promise((resolve) => setTimeout(resolve, 30));
  gpu.device.destroy();
  await expect(begun).rejects.toEqual(lost);
  await fast.release();
});

test("the device is taken away during the prefill", async () => {
  const { gpu, fast } = await opened();
  const { prompt, pictures } = await asked();
  const begun = fast.begin(prompt, pictures, how);
  const { queue } = gpu.device;
  const submit = queue.submit.bind(queue);
  queue.submit = (buffers) => {
    submit(buffers);
    gpu.device.destroy();
  };
  await expect(begun).rejects.toEqual(lost);
  await fast.release();
});

/** Calls `submitted` in place of the next submit of what has this label. */
function atSubmit(
  { device }: Gpu,
  label: string,
  submitted: GPUQueue["submit"],
): void {
  const { queue } = device;
  const create = device.createCommandEncoder.bind(device);
  device.createCommandEncoder = (how) => {
    if (how?.label === label) {
      Reflect.deleteProperty(device, "createCommandEncoder");
      queue.submit = (buffers) => {
        Reflect.deleteProperty(queue, "submit");
        submitted(buffers);
      };
    }
    return create(how);
  };
}

/** Nothing of the next submit of what has this label is executed. */
function breakSubmit(gpu: Gpu, label: string): void {
  const { device } = gpu;
  atSubmit(gpu, label, (buffers) => {
    // A pass that was never ended.
    const encoder = device.createCommandEncoder({ label: "broken" });
    encoder.beginComputePass();
    device.queue.submit([encoder.finish(), ...buffers]);
  });
}

test("a fault on the GPU fails one answer, not the next", async () => {
  const { gpu, fast } = await opened();
  const question = await asked();
  breakSubmit(gpu, "prefill");
  await expect(answer(fast, question, 12)).rejects.toEqual(
    failsWith("internal", "WebGPU"),
  );
  expect((await answer(fast, question, 12)).ids).toEqual(wanted);
  await fast.release();
  expect(gpu.bytes.now).toBe(0);
  gpu.close();
});

test("an answer that failed says again why, whatever is asked of it", async () => {
  const { gpu, fast } = await opened();
  const { prompt, pictures } = await asked();
  const generation = await fast.begin(prompt, pictures, how);
  await generation.next(1);
  breakSubmit(gpu, "decode");
  const fault = failsWith("internal", "WebGPU");
  await expect(generation.next(8)).rejects.toEqual(fault);
  await expect(generation.next(8)).rejects.toEqual(fault);
  await fast.release();
  gpu.close();
});
