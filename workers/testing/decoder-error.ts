import { expect } from "vitest";
import { planDecoder } from "../backends/webgpu/graphs/decoder-plan";
import { readConfig, type ModelConfig } from "../model-files/config";
import { readOnnx, type OnnxGraph } from "../onnx/onnx-reader";
import type { Gpu } from "../ort/device";
import { noise } from "../kernels/testing/random";
import { DecoderRun } from "./decoder-run";
import { publishedLogits } from "./published-decoder";
import {
  DecoderBuilder,
  decoderConfig,
  type DecoderVariant,
} from "./decoder-builder";

/** A published decoder and its files. */
interface PublishedDecoder {
  readonly graph: OnnxGraph;
  readonly external: ReadonlyMap<string, Blob>;
  readonly config: ModelConfig;
}

export async function openPublished(
  folder: string,
  file: string,
): Promise<PublishedDecoder> {
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
export type Chunk = readonly [real: number, length: number];

/** Largest difference from the published graph, relative to the largest logit.
 * `largestBuffer`: see `planDecoder`. */
export async function relativeError(
  { graph, external, config }: PublishedDecoder,
  chunks: readonly Chunk[],
  gpu: Gpu,
  largestBuffer?: number,
): Promise<number> {
  const { hidden } = config;
  const length = chunks.reduce((sum, [real]) => sum + real, 0);
  const embeds = noise(length * hidden, 1);
  const expected = await publishedLogits(graph, external, embeds, config);
  const plan = await planDecoder(graph, external, config, largestBuffer);
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
        const target = expected[(past + row) * vocabulary + word] ?? NaN;
        const off = Math.abs((logits[i * vocabulary + word] ?? NaN) - target);
        // Also true for NaN.
        if (!(off <= most)) most = off;
      }
    }
    past += real;
  }
  return most / largest;
}

/** Small chunks, large ones, which use another attention kernel, and padding. */
const MIXED: readonly Chunk[] = [
  [36, 40],
  [3, 3],
  [1, 1],
];

/** `relativeError` of a decoder as another exporter might write it. */
export async function exportError(
  variant: Partial<DecoderVariant>,
  gpu: Gpu,
  largestBuffer?: number,
): Promise<number> {
  const file = new DecoderBuilder(variant).file();
  const graph = await readOnnx("test.onnx", file);
  const published = { graph, external: new Map(), config: decoderConfig };
  return relativeError(published, MIXED, gpu, largestBuffer);
}
