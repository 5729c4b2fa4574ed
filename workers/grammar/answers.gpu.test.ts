import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Constraint, Sampling } from "../../src/shared/protocol";
import type { LanguageBackend } from "../backends/backend";
import type { LoadedModel } from "../loading/loaded-model";
import type { Gpu } from "../ort/device";
import { generate } from "../pipeline";
import {
  openWebGpuLanguage,
  greedy,
  syntheticPrompt,
  openSource,
  openOrtLanguage,
  type ModelGraphs,
} from "../testing/open-backends";
import { nano, useModel } from "../testing/golden";
import { options, testImage, imageQuestion } from "../testing/harness";
import { testGpu } from "../testing/on-gpu";
import { Tokenizer } from "../model-files/tokenizer";
import { Grammar } from "./grammar";

const url = new URL("/models/nano/", location.href).href;
const END = 424;

const shapes = {
  type: "object",
  properties: {
    background: { enum: ["white", "black", "gray"] },
    shapes: {
      type: "array",
      items: {
        type: "object",
        properties: {
          kind: { enum: ["circle", "square", "star"] },
          sides: { type: "integer", minimum: 0, maximum: 12 },
        },
        required: ["kind", "sides"],
      },
      minItems: 1,
      maxItems: 2,
    },
    sure: { type: "number", minimum: 0, maximum: 1 },
    text: { type: "string" },
  },
  required: ["background", "shapes", "sure", "text"],
};

function expectShapes(text: string): void {
  const said = JSON.parse(text) as Record<string, unknown>;
  expect(Object.keys(said).sort()).toEqual(
    Object.keys(shapes.properties).sort(),
  );
  const { background, shapes: all, sure, text: written } = said;
  expect(["white", "black", "gray"]).toContain(background);
  expect(written).toBeTypeOf("string");
  expect(Number(sure)).toBeGreaterThanOrEqual(0);
  expect(Number(sure)).toBeLessThanOrEqual(1);
  const list = all as { kind: string; sides: number }[];
  expect([1, 2]).toContain(list.length);
  for (const { kind, sides } of list) {
    expect(["circle", "square", "star"]).toContain(kind);
    expect(Number.isInteger(sides) && sides >= 0 && sides <= 12).toBe(true);
  }
}

/** With a short answer, because decoding is slow on the software adapter. */
const polygon = {
  type: "object",
  properties: {
    kind: { enum: ["circle", "square", "star"] },
    sides: {
      type: "array",
      items: { type: "integer", minimum: 0, maximum: 12 },
      minItems: 1,
      maxItems: 2,
    },
  },
  required: ["kind", "sides"],
};

function expectPolygon(text: string): void {
  const { kind, sides, ...others } = JSON.parse(text) as Record<
    string,
    unknown
  >;
  expect(others).toEqual({});
  expect(["circle", "square", "star"]).toContain(kind);
  const list = sides as number[];
  expect([1, 2]).toContain(list.length);
  for (const count of list) {
    expect(Number.isInteger(count) && count >= 0 && count <= 12).toBe(true);
  }
}

describe("both backends", () => {
  let gpu: Gpu;
  let source: ModelGraphs;
  let reference: LanguageBackend;
  let webgpu: LanguageBackend;
  let grammar: Grammar;
  let tokenizer: Tokenizer;

  beforeAll(async () => {
    gpu = await testGpu({ trials: false });
    source = await openSource(url);
    reference = await openOrtLanguage(source);
    webgpu = await openWebGpuLanguage(source, gpu, 256);
    const read = async (file: string): Promise<unknown> =>
      (await fetch(url + file)).json();
    tokenizer = new Tokenizer(
      await read("tokenizer.json"),
      await read("tokenizer_config.json"),
    );
    grammar = new Grammar(tokenizer, END);
  });

  afterAll(async () => {
    await webgpu.release();
    await reference.release();
    gpu.close();
  });

  async function answer(
    language: LanguageBackend,
    asked: Constraint,
    sampling: Sampling,
    room: number,
  ): Promise<number[]> {
    const { prompt, images } = syntheticPrompt(source, 3, [9, 4, 7]);
    const constraint = grammar.constrain(asked, "", room);
    const how = { sampling, draft: [5, 6, 7], constraint };
    const generation = await language.begin(prompt, images, how);
    const ids: number[] = [];
    while (ids.length < room && ids.at(-1) !== END) {
      ids.push(...(await generation.next(room - ids.length)));
    }
    generation.dispose();
    return ids;
  }

  test.each([
    [0, 1],
    [2, 8],
  ])("give the same JSON at temperature %f", async (temperature, seed) => {
    const sampling = { ...greedy, temperature, seed };
    const asked = { type: "json", schema: polygon } as const;
    const wanted = await answer(reference, asked, sampling, 60);
    const got = await answer(webgpu, asked, sampling, 60);
    expect(got).toEqual(wanted);
    expect(got.at(-1)).toBe(END);
    expectPolygon(tokenizer.decode(got));
  });

  test("give the same text for a regular expression, with a repetition penalty", async () => {
    const asked = {
      type: "regex",
      source: "(red|green) (circle|square), \\d\\d",
      flags: "",
    } as const;
    const sampling = { ...greedy, repetitionPenalty: 1.2 };
    const wanted = await answer(reference, asked, sampling, 60);
    expect(await answer(webgpu, asked, sampling, 60)).toEqual(wanted);
    expect(tokenizer.decode(wanted)).toMatch(
      /^(red|green) (circle|square), \d\d$/,
    );
  });
});

describe("a whole answer", () => {
  let model: LoadedModel;

  useModel(
    "wasm",
    () => nano,
    (loaded) => {
      model = loaded;
    },
  );

  const ask = async (more: Partial<typeof options>) => {
    const asked = { ...options, size: 64, maxTokens: 120, ...more };
    const frames = [await testImage()];
    const { signal } = new AbortController();
    return generate(model, frames, asked, signal, () => undefined);
  };

  test("satisfies the schema within the token limit", async () => {
    const constraint = { type: "json", schema: shapes } as const;
    const { text, finish } = await ask({ constraint });
    expect(finish).toBe("stop");
    expectShapes(text);
  });

  test("continues its prefix", async () => {
    const constraint = { type: "json", schema: shapes } as const;
    const prefix = '{ "background": "gr';
    const { text } = await ask({ constraint, prefix });
    expect(text).toMatch(/^ay/);
    expectShapes(prefix + text);
    const free = await ask({ prefix: "A red" });
    expect(free.text).not.toMatch(/^A red/);
    expect(free.promptTokens).toBeGreaterThan((await ask({})).promptTokens);
  });

  test("uses a custom system message", async () => {
    const messages = [
      { role: "system", text: "No.", imageCount: 0 } as const,
      ...imageQuestion("Describe the image."),
    ];
    const own = await ask({ messages });
    const usual = await ask({});
    expect(own.promptTokens).not.toBe(usual.promptTokens);
  });

  test("satisfies a regular expression without images", async () => {
    const asked = {
      ...options,
      messages: [{ role: "user", text: "What?", imageCount: 0 } as const],
      maxTokens: 40,
      constraint: { type: "regex", source: "(yes|no)", flags: "" } as const,
    };
    const { signal } = new AbortController();
    const { text } = await generate(model, [], asked, signal, () => undefined);
    expect(["yes", "no"]).toContain(text);
  });

  test("rejects with bad-option for an invalid schema, and answers the next request", async () => {
    const constraint = { type: "json", schema: { type: "soup" } } as const;
    await expect(ask({ constraint })).rejects.toMatchObject({
      code: "bad-option",
    });
    expect((await ask({})).text).not.toBe("");
  });
});
