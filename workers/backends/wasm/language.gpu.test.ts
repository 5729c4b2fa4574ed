import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { failsWith, micro, other } from "../../testing/harness";
import {
  answer,
  greedy,
  openOrtLanguage,
  openSource,
  openWasmLanguage,
  syntheticPrompt,
  type ModelGraphs,
} from "../../testing/open-backends";
import { openPublishedModel } from "../../testing/published/open";
import { seededRandom } from "../../kernels/testing/random";
import type { LanguageBackend, TokenMask } from "../backend";
import type { WasmLanguage } from "./language";

const nano = new URL("/models/nano/", location.href).href;

/** Default length of an answer. */
const COUNT = 24;

describe.each([
  ["micro", () => openSource(micro)],
  ["other", () => openSource(other)],
  ["nano", () => openSource(nano)],
  ["nano in q4", () => openSource(nano, "q4")],
  ["the published form", () => openPublishedModel("fp32")],
  ["the published form in q4", () => openPublishedModel("q4")],
  ["the published form in fp16", () => openPublishedModel("fp16")],
  ["the published form in q4f16", () => openPublishedModel("q4f16")],
  ["the published form in q8", () => openPublishedModel("q8")],
  ["the published form in uint8", () => openPublishedModel("uint8")],
] as const)("%s", (_, open) => {
  let source: ModelGraphs;
  let reference: LanguageBackend;

  beforeAll(async () => {
    source = await open();
    reference = await openOrtLanguage(source);
  });

  afterAll(() => reference.release());

  test.each([true, false])(
    "answers like the ORT backend, relaxed SIMD: %s",
    async (relaxed) => {
      const wasm = await openWasmLanguage(source, relaxed);
      for (const sizes of [
        [1, 0, 0],
        [9, 4, 7],
        [14, 64, 30],
        [150, 64, 70],
      ] as const) {
        const question = syntheticPrompt(source, 7, sizes);
        const wanted = await answer(reference, question, COUNT);
        const got = await answer(wasm, question, COUNT);
        expect(got.ids, sizes.join()).toEqual(wanted.ids);
      }
      await wasm.release();
    },
  );
});

describe("answers", () => {
  let source: ModelGraphs;
  let reference: LanguageBackend;
  let wasm: WasmLanguage;

  beforeAll(async () => {
    source = await openSource(micro);
    reference = await openOrtLanguage(source);
    wasm = await openWasmLanguage(source, true);
  });

  afterAll(async () => {
    await wasm.release();
    await reference.release();
  });

  const createQuestion = (seed: number, ...sizes: [number, number, number]) =>
    syntheticPrompt(source, seed, sizes);

  test("do not depend on drafts", async () => {
    const random = seededRandom(5);
    const number = (below: number) => Math.floor(random() * below);
    for (let round = 0; round < 3; round++) {
      const question = createQuestion(round, 3 + number(120), 4, 1 + number(9));
      const { ids: wanted } = await answer(reference, question, COUNT);
      const at = number(COUNT);
      const drafts: Readonly<Record<string, readonly number[]>> = {
        right: wanted,
        short: wanted.slice(0, at),
        "half right": wanted.map((id, i) => (i < at ? id : id + 1)),
        "wrong at once": wanted.map((id) => id + 1),
        nonsense: wanted.map(() => number(300)),
        "longer than any": Array.from({ length: 900 }, () => number(300)),
        "invalid ids": [...wanted.slice(0, at), 1e9, -1, 0.5, NaN],
        twice: [...wanted, ...wanted],
      };
      for (const [name, draft] of Object.entries(drafts)) {
        const got = await answer(wasm, question, COUNT, { draft });
        expect(got.ids, `${name}, round ${round}`).toEqual(wanted);
      }
    }
  });

  test("come from one pass as far as the draft is right", async () => {
    const question = createQuestion(77, 9, 4, 5);
    const { ids } = await answer(reference, question, COUNT);
    const begin = async (draft: readonly number[]) => {
      const { prompt, images } = question;
      const given = { sampling: greedy, draft };
      const generation = await wasm.begin(prompt, images, given);
      return generation.next(1000);
    };
    expect(await begin(ids.slice(0, -1))).toEqual(ids);
    expect(await begin([...ids.slice(0, 9), (ids[9] ?? 0) + 1])).toEqual(
      ids.slice(0, 10),
    );
    expect(await begin([])).toEqual(ids.slice(0, 1));
  });

  test("do not exceed the limit of a call", async () => {
    const question = createQuestion(78, 9, 4, 5);
    const { ids } = await answer(reference, question, COUNT);
    const { prompt, images } = question;
    const given = { sampling: greedy, draft: ids };
    const generation = await wasm.begin(prompt, images, given);
    const got: number[] = [];
    for (const limit of [1, 2, 3, 1, 5, 4, 8]) {
      const some = await generation.next(limit);
      expect(some.length).toBeGreaterThan(0);
      expect(some.length).toBeLessThanOrEqual(limit);
      got.push(...some);
    }
    expect(got).toEqual(ids.slice(0, got.length));
  });

  test("fill the whole context", async () => {
    const { contextLength } = source.config;
    for (const length of [contextLength - 12, contextLength - 1]) {
      const question = createQuestion(length, 10, 16, length - 26);
      const count = contextLength - length + 1;
      const wanted = await answer(reference, question, count);
      const got = await answer(wasm, question, count);
      expect(got.ids).toEqual(wanted.ids);
      // Again, with everything but the last position cached.
      const draft = wanted.ids;
      const again = await answer(wasm, question, count, { draft });
      expect(again.ids).toEqual(wanted.ids);
    }
  });

  test("are rejected if the cache cannot hold the prompt", async () => {
    const { contextLength } = source.config;
    const question = createQuestion(14, 10, 16, contextLength);
    const tooLong = failsWith(
      "out-of-memory",
      `${contextLength + 26} positions`,
    );
    await expect(answer(wasm, question, 1)).rejects.toEqual(tooLong);
  });

  test("are the same with a cached prefix as without", async () => {
    const first = createQuestion(11, 12, 9, 6);
    const { images } = first;
    const withTexts = (texts: readonly (readonly number[])[]) => ({
      prompt: { texts, ids: texts.flat() },
      images,
    });
    const [head = [], tail = []] = first.prompt.texts;
    const earlier = (await answer(wasm, first, 9)).ids;
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
      const got = await answer(wasm, question, 9);
      expect(got.ids).toEqual(wanted.ids);
    }
  });

  test.each([
    { temperature: 0.8 },
    { temperature: 1.5, topK: 5, seed: 3 },
    { temperature: 1, topP: 0.7, seed: 11 },
    { temperature: 1.2, topK: 50, topP: 0.9, repetitionPenalty: 1.3, seed: -4 },
    { repetitionPenalty: 1.8 },
  ])("are sampled as by the ORT backend: %o", async (some) => {
    const sampling = { ...greedy, ...some };
    for (const seed of [31, 32]) {
      const question = createQuestion(seed, 8, 4, 5);
      const draft = [1, 2, 3];
      const wanted = await answer(reference, question, COUNT, { sampling });
      const got = await answer(wasm, question, COUNT, { sampling, draft });
      expect(got.ids).toEqual(wanted.ids);
    }
  });

  test("keep to a token mask", async () => {
    const { prompt, images } = createQuestion(33, 8, 4, 5);
    const taken: number[] = [];
    const constraint: TokenMask = {
      allowed: () => Uint32Array.of(0, 1 << taken.length),
      take: (id) => taken.push(id),
    };
    const given = { sampling: greedy, draft: [5], constraint };
    const generation = await wasm.begin(prompt, images, given);
    while (taken.length < 5) await generation.next(3);
    expect(taken).toEqual([32, 33, 34, 35, 36]);
  });

  test("reject after another answer was begun", async () => {
    const one = createQuestion(41, 7, 4, 6);
    const two = createQuestion(42, 7, 4, 6);
    const given = { sampling: greedy, draft: [] };
    const left = await wasm.begin(one.prompt, one.images, given);
    await left.next(5);
    left.dispose();
    const wanted = await answer(reference, two, 9);
    const next = await wasm.begin(two.prompt, two.images, given);
    const got = [...(await next.next(1))];
    await expect(left.next(5)).rejects.toThrow("Another answer was started");
    // The other answer goes on.
    while (got.length < 9) got.push(...(await next.next(9 - got.length)));
    expect(got).toEqual(wanted.ids);
  });

  test("stop when the signal is aborted, and do not disturb the next", async () => {
    const long = createQuestion(43, 200, 64, 60);
    const { signal } = { signal: AbortSignal.abort() };
    const given = { sampling: greedy, draft: [], signal };
    const stopped = wasm.begin(long.prompt, long.images, given);
    await expect(stopped).rejects.toThrow();
    const wanted = await answer(reference, long, 9);
    expect((await answer(wasm, long, 9)).ids).toEqual(wanted.ids);
  });
});
