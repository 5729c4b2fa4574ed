import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { Gpu } from "../../ort/device";
import type { LanguageBackend } from "../backend";
import { loadOrt } from "../../ort/runtime";
import { Memory } from "../../ort/tensor";
import {
  answer,
  fastEncoder,
  fastLanguage,
  greedy,
  madePrompt,
  openSource,
  plainLanguage,
  type Source,
} from "../../testing/fast";
import { failsWith, micro } from "../../testing/harness";
import { breakSubmit, bufferOf, loseAt, testGpu } from "../../testing/on-gpu";
import type { WebGpuLanguage } from "./language";
import { Pace } from "./replay";

const how = { sampling: greedy, draft: [] };
const lost = failsWith("device-lost", "graphics device was lost");

let source: Source;
let wanted: readonly number[];
let plain: LanguageBackend;

beforeAll(async () => {
  source = await openSource(micro);
  plain = await plainLanguage(source);
  wanted = (await answer(plain, await asked(), 3)).ids;
});

afterAll(() => plain.release());

const asked = () => madePrompt(source, 3, [9, 4, 7]);

/** Opens a language model on a new device and checks that it works. */
async function opened(): Promise<{ gpu: Gpu; fast: WebGpuLanguage }> {
  const gpu = await testGpu();
  const fast = await fastLanguage(source, gpu);
  expect((await answer(fast, await asked(), 3)).ids).toEqual(wanted);
  return { gpu, fast };
}

test("rejects with device-lost in the middle of a batch", async () => {
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

test("rejects with device-lost during a capture", async () => {
  const { gpu, fast } = await opened();
  const { prompt, pictures } = await madePrompt(source, 4, [40, 4, 7]);
  const begun = fast.begin(prompt, pictures, how);
  await new Promise((resolve) => setTimeout(resolve, 30));
  gpu.device.destroy();
  await expect(begun).rejects.toEqual(lost);
  await fast.release();
});

test("rejects with device-lost during the prefill", async () => {
  const { gpu, fast } = await opened();
  const { prompt, pictures } = await asked();
  loseAt(gpu, "prefill");
  await expect(fast.begin(prompt, pictures, how)).rejects.toEqual(lost);
  await expect(fast.begin(prompt, pictures, how)).rejects.toEqual(lost);
  await fast.release();
});

test("rejects with device-lost between two submits of a prefill", async () => {
  const { gpu, fast } = await opened();
  const { prompt, pictures } = await asked();
  const slow = vi.spyOn(Pace.prototype, "msPerDispatch", "get");
  slow.mockReturnValue(1000);
  const { queue } = gpu.device;
  const submit = queue.submit.bind(queue);
  let submits = 0;
  queue.submit = (buffers) => {
    submit(buffers);
    if (++submits === 5) gpu.device.destroy();
  };
  await expect(fast.begin(prompt, pictures, how)).rejects.toEqual(lost);
  slow.mockRestore();
  expect(submits).toBe(5);
  await fast.release();
});

test("rejects with device-lost while ORT encodes a graph", async () => {
  const { gpu, fast } = await opened();
  const { prompt, pictures } = await madePrompt(source, 4, [40, 4, 7]);
  const { device } = gpu;
  const create = device.createCommandEncoder.bind(device);
  device.createCommandEncoder = (how) => {
    if ((how?.label ?? "") === "") device.destroy();
    return create(how);
  };
  await expect(fast.begin(prompt, pictures, how)).rejects.toEqual(lost);
  await fast.release();
});

test("rejects with device-lost during a kernel trial", async () => {
  const gpu = await testGpu();
  const fast = await fastLanguage(source, gpu);
  const { prompt, pictures } = await asked();
  loseAt(gpu, "trial");
  await expect(fast.begin(prompt, pictures, how)).rejects.toEqual(lost);
  await fast.release();
});

test("rejects with device-lost while an image is encoded", async () => {
  const gpu = await testGpu();
  const memory = new Memory(await loadOrt(), gpu);
  const fast = await fastEncoder(source, memory);
  const pixels = memory.ofBuffer(
    bufferOf(gpu, new Float32Array(3 * 64 * 64)),
    "float32",
    [1, 3, 64, 64],
  );
  await fast.encode(pixels);
  await memory.settle();
  loseAt(gpu, "encode");
  await fast.encode(pixels);
  await expect(memory.settle()).rejects.toEqual(lost);
  await expect(fast.encode(pixels)).rejects.toEqual(lost);
  await fast.release();
});

test("a GPU error fails one answer and not the next", async () => {
  const { gpu, fast } = await opened();
  const question = await asked();
  breakSubmit(gpu, "prefill");
  await expect(answer(fast, question, 3)).rejects.toEqual(
    failsWith("internal", "WebGPU"),
  );
  expect((await answer(fast, question, 3)).ids).toEqual(wanted);
  await fast.release();
  expect(gpu.bytes.now).toBe(0);
  gpu.close();
});

test("a failed answer rejects every further call with the same error", async () => {
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
