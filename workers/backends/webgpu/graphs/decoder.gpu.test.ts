import { afterAll, beforeAll, expect, test } from "vitest";
import type { Gpu } from "../../../ort/device";
import { DecoderRun } from "../../../testing/decoder-run";
import { other } from "../../../testing/harness";
import { testGpu } from "../../../testing/on-gpu";
import {
  embeddings,
  publishedLogits,
} from "../../../testing/published-decoder";
import {
  SpeltDecoder,
  speltConfig,
  type Spelling,
} from "../../../testing/spelt-decoder";
import { readConfig, type ModelConfig } from "../../../model-files/config";
import { readOnnx, type OnnxGraph } from "../../../onnx/onnx-reader";
import { planDecoder } from "./decoder-plan";

const nano = "/models/nano/";

let gpu: Gpu;

beforeAll(async () => {
  gpu = await testGpu();
});

afterAll(() => {
  gpu.close();
});

interface Published {
  readonly graph: OnnxGraph;
  readonly external: ReadonlyMap<string, Blob>;
  readonly config: ModelConfig;
}

async function open(folder: string, file: string): Promise<Published> {
  const blob = async (path: string) => (await fetch(folder + path)).blob();
  const graph = await readOnnx(file, await blob(`onnx/${file}`));
  const files: Record<string, unknown> = {};
  for (const name of ["config.json", "tokenizer_config.json"]) {
    files[name] = JSON.parse(await (await blob(name)).text());
  }
  const external = new Map<string, Blob>();
  for (const name of graph.externalFiles) {
    external.set(name, await blob(`onnx/${name}`));
  }
  return { graph, external, config: readConfig((name) => files[name]) };
}

/** Number of real positions, and the padded length of the run. */
type Chunk = readonly [real: number, length: number];

/** Largest difference from the published graph, relative to the largest logit. */
async function difference(
  { graph, external, config }: Published,
  chunks: readonly Chunk[],
): Promise<number> {
  const { hidden } = config;
  const length = chunks.reduce((sum, [real]) => sum + real, 0);
  const embeds = embeddings(length, hidden);
  const expected = await publishedLogits(graph, external, embeds, config);
  const plan = await planDecoder(graph, external, config);
  const run = await DecoderRun.open(plan, gpu, length + 31);
  const { vocabulary } = plan;
  const largest = expected.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
  expect(expected.length).toBe(length * vocabulary);
  expect(largest).toBeGreaterThan(0.5);
  let most = 0;
  let past = 0;
  for (const [real, length] of chunks) {
    const given = new Float32Array(length * hidden).fill(0.7);
    given.set(embeds.subarray(past * hidden, (past + real) * hidden));
    const rows = Array.from({ length: real }, (_, i) => real - 1 - i);
    const logits = await run.step(given, rows, real);
    for (const [i, row] of rows.entries()) {
      for (let word = 0; word < vocabulary; word++) {
        const wanted = expected[(past + row) * vocabulary + word] ?? NaN;
        const off = Math.abs((logits[i * vocabulary + word] ?? NaN) - wanted);
        // Also true for NaN.
        if (!(off <= most)) most = off;
      }
    }
    past += real;
  }
  return most / largest;
}

/** ONNX Runtime uses another attention kernel from 32 positions on. */
const chunked: Readonly<Record<string, readonly Chunk[]>> = {
  // Small chunks, a large one, single positions.
  "": [
    [5, 5],
    [40, 40],
    [20, 20],
    [1, 1],
    [4, 4],
  ],
  // Padded runs, whose padding the next run overwrites.
  _q4: [
    [10, 16],
    [33, 48],
    [7, 16],
    [1, 1],
    [19, 32],
  ],
};

for (const [dtype, chunks] of Object.entries(chunked)) {
  test(`nano${dtype} matches the published graph in runs of ${chunks.join(" and ")}`, async () => {
    const published = await open(nano, `decoder_model_merged${dtype}.onnx`);
    expect(await difference(published, chunks)).toBeLessThan(1e-5);
  });
}

const MIXED: readonly Chunk[] = [
  [36, 40],
  [3, 3],
  [1, 1],
];

test("matches a published graph with external data and one layer", async () => {
  const published = await open(other, "decoder_model_merged.onnx");
  expect(await difference(published, MIXED)).toBeLessThan(1e-5);
});

const spellings: readonly Partial<Spelling>[] = [
  { norm: "plain", bias: "none", qkv: "packed", rotary: "inside" },
  { products: "turned", norm: "spelt", gate: "quick", wrapped: true },
  { products: "gemm", bias: "inside", gate: "alone", interleaved: true },
  { products: "blocks", bias: "some", zeros: "some", interleaved: true },
  { products: "blocks", bits: 8, bias: "inside", qkv: "split", zeros: "all" },
  { products: "blocks", bits: "mixed", zeros: "some" },
];

for (const spelling of spellings) {
  test(`matches a decoder exported as ${JSON.stringify(spelling)}`, async () => {
    const graph = await readOnnx(
      "made.onnx",
      new SpeltDecoder(spelling).file(),
    );
    const published = { graph, external: new Map(), config: speltConfig };
    expect(await difference(published, MIXED)).toBeLessThan(1e-5);
  });
}
