import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import type { LanguageBackend } from "../backend";
import type { Gpu } from "../../ort/device";
import {
  answer,
  greedy,
  openWebGpuLanguage,
  syntheticPrompt,
  openSource,
  openOrtLanguage,
  type ModelGraphs,
} from "../../testing/open-backends";
import { micro } from "../../testing/harness";
import { testGpu } from "../../testing/on-gpu";
import { Stopped } from "../../util/scheduler";
import { Pace } from "./replay";

const COUNT = 20;

let gpu: Gpu;
let source: ModelGraphs;
let webgpu: LanguageBackend;
let basicQuestion: ReturnType<typeof syntheticPrompt>;
let wanted: readonly number[];
let submitted: GPUQueue["submit"];
const submit = vi.fn<GPUQueue["submit"]>();

beforeAll(async () => {
  gpu = await testGpu({ trials: false });
  source = await openSource(micro);
  const reference = await openOrtLanguage(source);
  basicQuestion = syntheticPrompt(source, 6, [9, 4, 7]);
  wanted = (await answer(reference, basicQuestion, COUNT)).ids;
  await reference.release();
  webgpu = await openWebGpuLanguage(source, gpu);
  // The second time the prompt is cached, which takes another graph.
  for (let i = 0; i < 2; i++) await answer(webgpu, basicQuestion, 3);
  const { queue } = gpu.device;
  submitted = queue.submit.bind(queue);
  submit.mockImplementation(submitted);
  queue.submit = submit;
});

afterAll(async () => {
  await webgpu.release();
  gpu.close();
});

afterEach(() => {
  vi.restoreAllMocks();
});

/** Pretends that every dispatch takes `ms`. */
function dispatchesTake(ms: number): void {
  vi.spyOn(Pace.prototype, "msPerDispatch", "get").mockReturnValue(ms);
}

test("submits many fast steps at once", async () => {
  dispatchesTake(1e-6);
  submit.mockClear();
  const { ids, calls } = await answer(webgpu, basicQuestion, COUNT);
  expect(ids).toEqual(wanted);
  expect(calls).toBeLessThan(5);
  // The rows of the prompt are copied in a submit of their own.
  expect(submit.mock.calls.length).toBe(calls + 1);
});

test("splits a slow step into many submits", async () => {
  dispatchesTake(1000);
  submit.mockClear();
  const { ids, calls } = await answer(webgpu, basicQuestion, COUNT);
  expect(ids).toEqual(wanted);
  expect(calls).toBe(COUNT);
  expect(submit.mock.calls.length).toBeGreaterThan(10 * COUNT);
});

test.each(["prefill", "step"])(
  "stops a %s between two submits; the next answer is correct",
  async (what) => {
    const shape = [30, 4, 7] as const;
    const question = syntheticPrompt(source, 8, shape);
    const reference = await openOrtLanguage(source);
    const right = (await answer(reference, question, 9)).ids;
    await reference.release();
    // Records the graphs.
    await answer(webgpu, syntheticPrompt(source, 7, shape), 9);

    dispatchesTake(1000);
    const stop = new AbortController();
    const stopSoon = () => {
      submit.mockClear();
      submit.mockImplementation((buffers) => {
        submitted(buffers);
        if (submit.mock.calls.length === 4) stop.abort();
      });
    };
    const options = { sampling: greedy, draft: [], signal: stop.signal };
    const { prompt, images } = question;
    if (what === "prefill") {
      stopSoon();
      const begun = webgpu.begin(prompt, images, options);
      await expect(begun).rejects.toBeInstanceOf(Stopped);
    } else {
      const generation = await webgpu.begin(prompt, images, options);
      await generation.next(1);
      stopSoon();
      const step = generation.next(1);
      await expect(step).rejects.toBeInstanceOf(Stopped);
      await expect(generation.next(1)).rejects.toThrow(
        "Another answer was started",
      );
    }
    expect(submit.mock.calls.length).toBe(4);

    submit.mockImplementation(submitted);
    dispatchesTake(1e-6);
    expect((await answer(webgpu, question, 9)).ids).toEqual(right);
    expect((await answer(webgpu, basicQuestion, COUNT)).ids).toEqual(wanted);
  },
);

test("averages the measured pace", () => {
  const pace = new Pace();
  const cautious = pace.msPerDispatch;
  expect(cautious).toBeGreaterThan(1);
  for (let i = 0; i < 20; i++) pace.measured(20, 100);
  expect(pace.msPerDispatch).toBeCloseTo(0.2);
  pace.measured(60, 100);
  expect(pace.msPerDispatch).toBeCloseTo(0.4);
});
