import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import type { Language } from "../language";
import type { Gpu } from "../ort/device";
import {
  answer,
  fastLanguage,
  madePrompt,
  openSource,
  plainLanguage,
} from "../testing/fast";
import { micro } from "../testing/harness";
import { testGpu } from "../testing/on-gpu";
import { Pace } from "./replay";

const COUNT = 40;

let gpu: Gpu;
let fast: Language;
let asked: Awaited<ReturnType<typeof madePrompt>>;
let wanted: readonly number[];
const submit = vi.fn<GPUQueue["submit"]>();

beforeAll(async () => {
  gpu = await testGpu();
  const source = await openSource(micro);
  const plain = await plainLanguage(source);
  asked = await madePrompt(source, 6, [9, 4, 7]);
  wanted = (await answer(plain, asked, COUNT)).ids;
  await plain.release();
  fast = await fastLanguage(source, gpu);
  // A second time the prompt is known, which takes another graph.
  for (let i = 0; i < 2; i++) await answer(fast, asked, 3);
  const { queue } = gpu.device;
  submit.mockImplementation(queue.submit.bind(queue));
  queue.submit = submit;
});

afterAll(async () => {
  await fast.release();
  gpu.close();
});

afterEach(() => {
  vi.restoreAllMocks();
});

/** As if every dispatch took so long. */
function dispatchesTake(ms: number): void {
  vi.spyOn(Pace.prototype, "msPerDispatch", "get").mockReturnValue(ms);
}

test("many steps are one submit where they take no time", async () => {
  dispatchesTake(1e-6);
  submit.mockClear();
  const { ids, calls } = await answer(fast, asked, COUNT);
  expect(ids).toEqual(wanted);
  expect(calls).toBeLessThan(5);
  // Rows of the prompt are copied in a submit of their own.
  expect(submit.mock.calls.length).toBe(calls + 1);
});

test("a step is many submits where one dispatch takes long", async () => {
  dispatchesTake(1000);
  submit.mockClear();
  const { ids, calls } = await answer(fast, asked, COUNT);
  expect(ids).toEqual(wanted);
  expect(calls).toBe(COUNT);
  expect(submit.mock.calls.length).toBeGreaterThan(10 * COUNT);
});

test("a pace follows what is measured", () => {
  const pace = new Pace();
  const cautious = pace.msPerDispatch;
  expect(cautious).toBeGreaterThan(1);
  for (let i = 0; i < 20; i++) pace.measured(20, 100);
  expect(pace.msPerDispatch).toBeCloseTo(0.2);
  pace.measured(60, 100);
  expect(pace.msPerDispatch).toBeCloseTo(0.4);
});
