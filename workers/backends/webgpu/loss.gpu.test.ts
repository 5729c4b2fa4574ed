import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { Gpu } from "../../ort/device";
import type { LanguageBackend } from "../backend";
import { loadOrt } from "../../ort/runtime";
import { Tensors } from "../../ort/tensor";
import {
  answer,
  openWebGpuEncoder,
  openWebGpuLanguage,
  greedy,
  syntheticPrompt,
  openSource,
  openOrtLanguage,
  type ModelGraphs,
} from "../../testing/open-backends";
import { failsWith, micro } from "../../testing/harness";
import { breakSubmit, bufferOf, loseAt, testGpu } from "../../testing/on-gpu";
import type { WebGpuLanguage } from "./language";
import { Pace } from "./replay";

const options = { sampling: greedy, draft: [] };
const lost = failsWith("device-lost", "GPU was lost");

let source: ModelGraphs;
let wanted: readonly number[];
let reference: LanguageBackend;

beforeAll(async () => {
  source = await openSource(micro);
  reference = await openOrtLanguage(source);
  wanted = (await answer(reference, createQuestion(), 3)).ids;
});

afterAll(() => reference.release());

const createQuestion = () => syntheticPrompt(source, 3, [9, 4, 7]);

interface Opened {
  readonly gpu: Gpu;
  readonly webgpu: WebGpuLanguage;
}

/** Opens a language model on a new device. */
async function open({ trials = false } = {}): Promise<Opened> {
  const gpu = await testGpu({ trials });
  return { gpu, webgpu: await openWebGpuLanguage(source, gpu) };
}

/** Opens a language model and checks that it works. */
async function opened(): Promise<Opened> {
  const { gpu, webgpu } = await open();
  expect((await answer(webgpu, createQuestion(), 3)).ids).toEqual(wanted);
  return { gpu, webgpu };
}

test("rejects with device-lost in the middle of a batch", async () => {
  const { gpu, webgpu } = await opened();
  const { prompt, images } = createQuestion();
  const generation = await webgpu.begin(prompt, images, options);
  await generation.next(1);
  const batch = generation.next(8);
  gpu.device.destroy();
  await expect(batch).rejects.toEqual(lost);
  await expect(generation.next(8)).rejects.toEqual(lost);
  await expect(webgpu.begin(prompt, images, options)).rejects.toEqual(lost);
  generation.dispose();
  await webgpu.release();
});

test("rejects with device-lost during a recording", async () => {
  const { gpu, webgpu } = await open();
  const { prompt, images } = syntheticPrompt(source, 4, [40, 4, 7]);
  const { InferenceSession } = await loadOrt();
  const create = vi.spyOn(InferenceSession, "create");
  const begun = webgpu.begin(prompt, images, options);
  await vi.waitFor(() => expect(create).toHaveBeenCalled());
  create.mockRestore();
  gpu.device.destroy();
  await expect(begun).rejects.toEqual(lost);
  await webgpu.release();
});

test("rejects with device-lost between two submits of a prefill", async () => {
  const { gpu, webgpu } = await opened();
  const { prompt, images } = createQuestion();
  const slow = vi.spyOn(Pace.prototype, "msPerDispatch", "get");
  slow.mockReturnValue(1000);
  const { queue } = gpu.device;
  const submit = queue.submit.bind(queue);
  let submits = 0;
  queue.submit = (buffers) => {
    submit(buffers);
    if (++submits === 5) gpu.device.destroy();
  };
  await expect(webgpu.begin(prompt, images, options)).rejects.toEqual(lost);
  slow.mockRestore();
  expect(submits).toBe(5);
  await expect(webgpu.begin(prompt, images, options)).rejects.toEqual(lost);
  await webgpu.release();
});

test("rejects with device-lost while ORT encodes a graph", async () => {
  const { gpu, webgpu } = await open();
  const { prompt, images } = syntheticPrompt(source, 4, [40, 4, 7]);
  const { device } = gpu;
  const create = device.createCommandEncoder.bind(device);
  device.createCommandEncoder = (descriptor) => {
    if ((descriptor?.label ?? "") === "") device.destroy();
    return create(descriptor);
  };
  await expect(webgpu.begin(prompt, images, options)).rejects.toEqual(lost);
  await webgpu.release();
});

test("rejects with device-lost during a kernel trial", async () => {
  const { gpu, webgpu } = await open({ trials: true });
  const { prompt, images } = createQuestion();
  loseAt(gpu, "trial");
  await expect(webgpu.begin(prompt, images, options)).rejects.toEqual(lost);
  await webgpu.release();
});

test("rejects with device-lost while an image is encoded", async () => {
  const gpu = await testGpu({ trials: false });
  const tensors = new Tensors(gpu);
  const webgpu = await openWebGpuEncoder(source, tensors);
  const pixels = tensors.ofBuffer(
    bufferOf(gpu, new Float32Array(3 * 64 * 64)),
    "float32",
    [1, 3, 64, 64],
  );
  await webgpu.encode(pixels);
  await tensors.settle();
  loseAt(gpu, "encode");
  await webgpu.encode(pixels);
  await expect(tensors.settle()).rejects.toEqual(lost);
  await expect(webgpu.encode(pixels)).rejects.toEqual(lost);
  await webgpu.release();
});

test("a GPU error fails one answer, with every further call, and not the next", async () => {
  const { gpu, webgpu } = await opened();
  const question = createQuestion();
  const fault = failsWith("internal", "WebGPU");
  breakSubmit(gpu, "prefill");
  await expect(answer(webgpu, question, 3)).rejects.toEqual(fault);
  expect((await answer(webgpu, question, 3)).ids).toEqual(wanted);
  const { prompt, images } = question;
  const generation = await webgpu.begin(prompt, images, options);
  await generation.next(1);
  breakSubmit(gpu, "decode");
  await expect(generation.next(8)).rejects.toEqual(fault);
  await expect(generation.next(8)).rejects.toEqual(fault);
  generation.dispose();
  expect((await answer(webgpu, question, 3)).ids).toEqual(wanted);
  await webgpu.release();
  expect(gpu.bytes.now).toBe(0);
  gpu.close();
});
