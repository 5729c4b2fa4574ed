import { beforeAll, expect, test } from "vitest";
import { openGpu } from "../ort/adapter";
import type { Gpu } from "../ort/device";
import { loadOrt } from "../ort/runtime";
import { createSession } from "../ort/session";
import { DecoderRun } from "../testing/decoder-run";
import { readConfig } from "../weights/config";
import { readOnnx, type OnnxGraph } from "../weights/onnx";
import { planDecoder } from "./decoder-plan";

const nano = "/models/nano/";

let gpu: Gpu;

beforeAll(async () => {
  await loadOrt();
  const opened = await openGpu("webgpu", { heads: 6, kvHeads: 2, headDim: 32 });
  if (!("gpu" in opened)) throw new Error("These tests need an adapter.");
  gpu = opened.gpu;
});

async function open(folder: string, file: string) {
  const fetched = async (path: string) => fetch(folder + path);
  const graph = await readOnnx(file, await (await fetched(file)).blob());
  const files: Record<string, unknown> = {};
  for (const name of ["config.json", "tokenizer_config.json"]) {
    files[name] = await (await fetched(name)).json();
  }
  return { graph, config: readConfig((name) => files[name]) };
}

/** `count` rows of numbers like those of embeddings, the same at every call. */
function embeddings(count: number, width: number): Float32Array {
  let state = 1;
  return Float32Array.from({ length: count * width }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state / 2 ** 32 - 0.5) * 2;
  });
}

/** Logits of the published graph, all rows. */
async function published(
  graph: OnnxGraph,
  embeds: Float32Array,
  hidden: number,
): Promise<Float32Array> {
  const ort = await loadOrt();
  const session = await createSession(graph, new Map(), undefined);
  const length = embeds.length / hidden;
  const int64 = (values: number[]) =>
    new ort.Tensor("int64", BigInt64Array.from(values, BigInt), [
      1,
      values.length,
    ]);
  const positions = Array.from({ length }, (_, i) => i);
  const all = {
    inputs_embeds: new ort.Tensor("float32", embeds, [1, length, hidden]),
    attention_mask: int64(positions.map(() => 1)),
    position_ids: int64(positions),
  };
  const feeds = Object.fromEntries(
    session.inputs.map(({ name, shape }) => {
      const given = Object.entries(all).find(([key]) => key === name);
      if (given !== undefined) return given;
      const dims = [1, Number(shape[1]), 0, Number(shape[3])];
      return [name, new ort.Tensor("float32", new Float32Array(0), dims)];
    }),
  );
  const outputs = await session.run(feeds, ["logits"]);
  const logits = outputs.get("logits").data as Float32Array;
  await session.release();
  return logits;
}

function difference(actual: Float32Array, expected: Float32Array): number {
  expect(actual.length).toBe(expected.length);
  const largest = expected.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
  expect(largest).toBeGreaterThan(1);
  return actual.reduce(
    (most, value, i) =>
      Math.max(most, Math.abs(value - (expected[i] ?? NaN)) / largest),
    0,
  );
}

/** Real positions of each run, and how many it is run with. */
const plans: Record<string, [number, number][]> = {
  "in one go": [[70, 70]],
  "in a longer bucket": [[70, 96]],
  "chunks of 32 and more": [
    [33, 33],
    [37, 37],
  ],
  "small chunks, single positions": [
    [5, 5],
    [40, 40],
    [20, 20],
    [1, 1],
    [4, 4],
  ],
  "buckets that are overwritten later": [
    [10, 16],
    [33, 48],
    [7, 16],
    [1, 1],
    [19, 32],
  ],
};

for (const dtype of ["", "_q4"]) {
  for (const capture of [false, true]) {
    for (const [name, chunks] of Object.entries(plans)) {
      test(`nano${dtype}, ${name}${capture ? ", captured" : ""}`, async () => {
        const file = `onnx/decoder_model_merged${dtype}.onnx`;
        const { graph, config } = await open(nano, file);
        const { hidden } = config;
        const embeds = embeddings(70, hidden);
        const expected = await published(graph, embeds, hidden);
        const plan = await planDecoder(graph, new Map(), config);
        const run = await DecoderRun.open(plan, gpu, 112);
        let at = 0;
        for (const [real, length] of chunks) {
          const given = embeddings(length, hidden).fill(0.7);
          given.set(embeds.subarray(at * hidden, (at + real) * hidden));
          const rows = Array.from({ length: real }, (_, i) => i);
          const logits = await run.step(given, rows, real, capture);
          const { vocabulary } = plan;
          const wanted = expected.subarray(
            at * vocabulary,
            (at + real) * vocabulary,
          );
          const off = difference(logits, wanted);
          expect(off).toBeLessThan(1e-4);
          at += real;
        }
      });
    }
  }
}
