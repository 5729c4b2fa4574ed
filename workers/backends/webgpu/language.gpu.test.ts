import { describe, expect, test, vi } from "vitest";
import type { LanguageBackend } from "../backend";
import type { Gpu } from "../../ort/device";
import { loadOrt } from "../../ort/runtime";
import {
  answer,
  openWebGpuLanguage,
  greedy,
  syntheticPrompt,
  useLanguages,
  type ModelGraphs,
} from "../../testing/open-backends";
import { failsWith, micro } from "../../testing/harness";
import type { WebGpuLanguage } from "./language";
import { seededRandom } from "../../kernels/testing/random";

/** Default length of an answer. */
const COUNT = 24;

let gpu: Gpu;
let source: ModelGraphs;
let reference: LanguageBackend;
let webgpu: WebGpuLanguage;

useLanguages(
  micro,
  "fp32",
  (opened) => {
    ({ gpu, source, reference, webgpu } = opened);
  },
  { trials: false },
);

const createQuestion = (seed: number, ...sizes: [number, number, number]) =>
  syntheticPrompt(source, seed, sizes);

describe("drafts", () => {
  test("never change the tokens", async () => {
    const random = seededRandom(5);
    const number = (below: number) => Math.floor(random() * below);
    for (let round = 0; round < 2; round++) {
      const question = createQuestion(round, 3 + number(20), 4, 1 + number(9));
      const { ids: wanted } = await answer(reference, question, COUNT);
      const at = number(COUNT);
      const drafts: Readonly<Record<string, readonly number[]>> = {
        right: wanted,
        short: wanted.slice(0, at),
        "half right": wanted.map((id, i) => (i < at ? id : id + 1)),
        "wrong at once": wanted.map((id) => id + 1),
        nonsense: wanted.map(() => number(300)),
        "an end token inside": [...wanted.slice(0, at), 2, ...wanted],
        "longer than any": Array.from({ length: 900 }, () => number(300)),
        "invalid ids": [...wanted.slice(0, at), 1e9, -1, 0.5, NaN],
        twice: [...wanted, ...wanted],
      };
      for (const [name, draft] of Object.entries(drafts)) {
        const got = await answer(webgpu, question, COUNT, { draft });
        expect(got.ids, `${name}, round ${round}`).toEqual(wanted);
      }
    }
  });

  test("are accepted in one pass up to the first wrong token", async () => {
    const question = createQuestion(77, 9, 4, 5);
    const { ids } = await answer(reference, question, COUNT);
    const begin = async (draft: readonly number[]) => {
      const options = { sampling: greedy, draft };
      const { prompt, images } = question;
      const generation = await webgpu.begin(prompt, images, options);
      return generation.next(1000);
    };
    expect(await begin(ids.slice(0, -1))).toEqual(ids);
    expect(await begin([...ids.slice(0, 9), (ids[9] ?? 0) + 1])).toEqual(
      ids.slice(0, 10),
    );
    expect(await begin([])).toEqual(ids.slice(0, 1));
  });

  test("need three recordings per prompt, whatever their length", async () => {
    const { InferenceSession } = await loadOrt();
    const own = await openWebGpuLanguage(source, gpu, 256);
    const question = createQuestion(79, 11, 4, 6);
    const other = createQuestion(80, 7, 4, 6);
    const { ids } = await answer(reference, question, COUNT);
    const random = seededRandom(6);
    const lengths = [0, 15, 16, 63];
    while (lengths.length < 8) lengths.push(Math.floor(random() * 64));
    const creations = vi.spyOn(InferenceSession, "create");
    for (const length of lengths) {
      const draft = Array.from({ length }, (_, i) => ids[i] ?? i);
      // Replaces the cached prompt.
      await answer(own, other, 1);
      const got = await answer(own, question, 2, { draft });
      expect(got.ids).toEqual(ids.slice(0, got.ids.length));
    }
    // One more for the step and one for the other prompt.
    expect(creations).toHaveBeenCalledTimes(3 + 2);
    creations.mockRestore();
    await own.release();
  });

  test("do not exceed the limit of a call", async () => {
    const question = createQuestion(78, 9, 4, 5);
    const { ids } = await answer(reference, question, COUNT);
    const { prompt, images } = question;
    const options = { sampling: greedy, draft: ids };
    const generation = await webgpu.begin(prompt, images, options);
    const got: number[] = [];
    for (const limit of [1, 2, 3, 1, 5, 4, 8]) {
      const some = await generation.next(limit);
      expect(some.length).toBeGreaterThan(0);
      expect(some.length).toBeLessThanOrEqual(limit);
      got.push(...some);
    }
    expect(got).toEqual(ids.slice(0, got.length));
  });
});

describe("prompts", () => {
  test("fill the whole context", async () => {
    const { contextLength } = source.config;
    for (const length of [contextLength - 12, contextLength - 1]) {
      const question = createQuestion(length, 10, 16, length - 26);
      const count = contextLength - length + 1;
      const wanted = await answer(reference, question, count);
      const got = await answer(webgpu, question, count);
      expect(got.ids).toEqual(wanted.ids);
      // Again, with everything but the last position cached.
      const draft = wanted.ids;
      const again = await answer(webgpu, question, count, { draft });
      expect(again.ids).toEqual(wanted.ids);
    }
  });

  test("are rejected if the cache cannot hold them", async () => {
    const { contextLength } = source.config;
    const question = createQuestion(14, 10, 16, contextLength);
    const tooLong = failsWith(
      "out-of-memory",
      `${contextLength + 26} positions`,
    );
    await expect(answer(webgpu, question, 1)).rejects.toEqual(tooLong);
  });

  test("with a cached prefix give the same tokens as without", async () => {
    const first = createQuestion(11, 12, 9, 6);
    const { images } = first;
    const withTexts = (texts: readonly (readonly number[])[]) => ({
      prompt: { texts, ids: texts.flat() },
      images,
    });
    const [head = [], tail = []] = first.prompt.texts;
    const earlier = (await answer(webgpu, first, 9)).ids;
    const questions = [
      withTexts([head, [5, 6, 7, 8]]),
      withTexts([head, tail]),
      withTexts([head, [...tail, ...earlier, 9, 10]]),
      withTexts([head, tail.slice(0, 2)]),
      withTexts([head.slice(0, 5), tail]),
      createQuestion(12, 12, 9, 6),
      withTexts([head, tail]),
    ];
    for (const question of questions) {
      const wanted = await answer(reference, question, 9);
      const got = await answer(webgpu, question, 9);
      expect(got.ids).toEqual(wanted.ids);
    }
  });

  test("with a cached prefix compute only the rest", async () => {
    const first = createQuestion(21, 10, 16, 4);
    const other = {
      ...first.prompt,
      texts: [first.prompt.texts[0] ?? [], [7]],
    };
    const options = { sampling: greedy, draft: [] };
    const encoded: number[] = [];
    await webgpu.begin(first.prompt, first.images, options);
    const { queue } = gpu.device;
    const writeBuffer = queue.writeBuffer.bind(queue);
    queue.writeBuffer = (...args) => {
      const [buffer, , data] = args;
      if (buffer.label === "prompt embeddings") encoded.push(data.byteLength);
      writeBuffer(...args);
    };
    await webgpu.begin(other, first.images, options);
    Reflect.deleteProperty(queue, "writeBuffer");
    expect(encoded).toEqual([source.config.hidden * 4]);
  });
});

test.each([
  { temperature: 0.8 },
  { temperature: 1.5, topK: 5, seed: 3 },
  { temperature: 1, topP: 0.7, seed: 11 },
  { temperature: 1.2, topK: 50, topP: 0.9, repetitionPenalty: 1.3, seed: -4 },
  { repetitionPenalty: 1.8 },
])("samples the same tokens as the ORT backend: %o", async (some) => {
  const sampling = { ...greedy, ...some };
  for (const seed of [31, 32]) {
    const question = createQuestion(seed, 8, 4, 5);
    const draft = [1, 2, 3];
    const wanted = await answer(reference, question, COUNT, { sampling });
    const got = await answer(webgpu, question, COUNT, { sampling, draft });
    expect(got.ids).toEqual(wanted.ids);
  }
});

describe("abandoned answers", () => {
  test("reject after another answer was begun", async () => {
    const one = createQuestion(41, 7, 4, 6);
    const two = createQuestion(42, 7, 4, 6);
    const options = { sampling: greedy, draft: [] };
    const left = await webgpu.begin(one.prompt, one.images, options);
    await left.next(5);
    await left.next(5);
    left.dispose();
    const wanted = await answer(reference, two, 9);
    const other = await webgpu.begin(two.prompt, two.images, options);
    const got = [...(await other.next(1))];
    await expect(left.next(5)).rejects.toThrow("Another answer was started");
    // The other answer goes on.
    while (got.length < 9) got.push(...(await other.next(9 - got.length)));
    expect(got).toEqual(wanted.ids);
  });

  test("do not disturb the next answer", async () => {
    const one = createQuestion(43, 7, 4, 6);
    const two = createQuestion(44, 7, 4, 6);
    const options = { sampling: greedy, draft: [] };
    const left = await webgpu.begin(one.prompt, one.images, options);
    await left.next(1);
    expect((await left.next(8)).length).toBeGreaterThan(0);
    const got = await answer(webgpu, two, 9);
    expect(got.ids).toEqual((await answer(reference, two, 9)).ids);
  });
});
