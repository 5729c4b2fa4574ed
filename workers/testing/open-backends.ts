import { afterAll, beforeAll } from "vitest";
import type { Graph, ModelSource } from "../../src/shared/models";
import type { Sampling } from "../../src/shared/protocol";
import { openEmbedding } from "../backends/embedding";
import { initialCapacity } from "../backends/webgpu/kv-cache";
import { WebGpuLanguage } from "../backends/webgpu/language";
import { GpuWeights } from "../backends/webgpu/gpu-weights";
import { planEmbeddingTable } from "../backends/webgpu/embedding-table";
import { WebGpuEncoder } from "../backends/webgpu/encoder";
import { planVision } from "../backends/webgpu/graphs/vision-plan";
import { OrtEncoder } from "../backends/ort/encoder";
import { WasmDecoder } from "../backends/wasm/decoder";
import { planWasmDecoder } from "../backends/wasm/decoder-plan";
import { WasmLanguage } from "../backends/wasm/language";
import { openKernels } from "../backends/wasm/testing/open-kernels";
import { planDecoder } from "../backends/webgpu/graphs/decoder-plan";
import type {
  LanguageBackend,
  EncodedImage,
  Encoder,
  GraphSource,
  Prompt,
} from "../backends/backend";
import { seededRandom } from "../kernels/testing/random";
import { downloadGraphs } from "../loading/download-graphs";
import { readMetadata } from "../loading/model-metadata";
import type { Gpu } from "../ort/device";
import { createSession } from "../ort/session";
import { Tensor, Tensors } from "../ort/tensor";
import { OrtLanguage } from "../backends/ort/language";
import type { ModelConfig } from "../model-files/config";
import { options } from "./harness";
import { testGpu } from "./on-gpu";

const never = new AbortController().signal;

export interface ModelGraphs {
  readonly graphs: Readonly<Record<Graph, GraphSource>>;
  readonly config: ModelConfig;
}

export async function openSource(
  model: string | ModelSource,
  decoder: "fp32" | "q4" = "fp32",
  table: "fp32" | "fp16" = "fp32",
): Promise<ModelGraphs> {
  const named = typeof model === "string";
  const source = named ? ({ kind: "url", url: model } as const) : model;
  const found = await readMetadata(source, never);
  const dtypes = {
    vision_encoder: "fp32",
    embed_tokens: table,
    decoder_model_merged: decoder,
  } as const;
  const { graphs } = await downloadGraphs(
    found,
    dtypes,
    never,
    () => undefined,
  );
  return { graphs, config: found.config };
}

/** The reference: the ORT backend on the CPU. */
export async function openOrtLanguage(
  source: ModelGraphs,
): Promise<LanguageBackend> {
  const { graphs, config } = source;
  const tensors = new Tensors(undefined);
  const { graph, external } = graphs.decoder_model_merged;
  const decoder = await createSession(graph, external, undefined);
  const { embed_tokens: embed } = graphs;
  const embedder = await openEmbedding(embed.graph, embed.external, tensors);
  return new OrtLanguage(embedder, decoder, tensors, config);
}

export async function openWebGpuLanguage(
  { graphs, config }: ModelGraphs,
  gpu: Gpu,
  capacity?: number,
): Promise<WebGpuLanguage> {
  const tensors = new Tensors(gpu);
  const { embed_tokens: embed, decoder_model_merged: decoder } = graphs;
  const plan = await planDecoder(decoder.graph, decoder.external, config);
  const table = planEmbeddingTable(embed.graph, embed.external);
  const all = [...plan.weights, ...table.weights];
  const weights = await GpuWeights.upload(gpu, all, () => undefined);
  const embedder = await openEmbedding(embed.graph, embed.external, tensors);
  const { contextLength } = config;
  return new WebGpuLanguage(
    {
      ...{ gpu, plan, weights, contextLength, table: table.bind(weights) },
      capacity: capacity ?? initialCapacity(plan),
    },
    embedder,
  );
}

/** @param relaxed whether the kernels use relaxed SIMD */
export async function openWasmLanguage(
  { graphs, config }: ModelGraphs,
  relaxed: boolean,
): Promise<WasmLanguage> {
  const { embed_tokens: embed, decoder_model_merged: source } = graphs;
  const plan = await planWasmDecoder(source.graph, source.external, config);
  const runtime = await openKernels(relaxed);
  const decoder = await WasmDecoder.open(plan, runtime, () => undefined);
  const tensors = new Tensors(undefined);
  const embedder = await openEmbedding(embed.graph, embed.external, tensors);
  return new WasmLanguage(decoder, embedder, config.contextLength);
}

export interface Languages {
  readonly gpu: Gpu;
  readonly source: ModelGraphs;
  readonly reference: LanguageBackend;
  readonly webgpu: WebGpuLanguage;
}

/** Opens the language model of `url` on both backends before the tests of a
 * block and releases it after them. */
export function useLanguages(
  url: string,
  decoder: "fp32" | "q4",
  take: (languages: Languages) => void,
  { trials = true } = {},
): void {
  let opened: Languages | undefined;

  beforeAll(async () => {
    const gpu = await testGpu({ trials });
    const source = await openSource(url, decoder);
    const reference = await openOrtLanguage(source);
    const webgpu = await openWebGpuLanguage(source, gpu, 64);
    opened = { gpu, source, reference, webgpu };
    take(opened);
  });

  afterAll(async () => {
    await opened?.webgpu.release();
    await opened?.reference.release();
    opened?.gpu.close();
  });
}

export async function openOrtEncoder({
  graphs,
}: ModelGraphs): Promise<Encoder> {
  const tensors = new Tensors(undefined);
  const { graph, external } = graphs.vision_encoder;
  const session = await createSession(graph, external, undefined);
  return new OrtEncoder(session, tensors);
}

export async function openWebGpuEncoder(
  { graphs, config }: ModelGraphs,
  tensors: Tensors,
): Promise<WebGpuEncoder> {
  const { gpu } = tensors;
  if (gpu === undefined) throw new Error("no GPU");
  const { graph, external } = graphs.vision_encoder;
  const plan = await planVision(graph, external, config);
  const weights = await GpuWeights.upload(gpu, plan.weights, () => undefined);
  return new WebGpuEncoder(gpu, tensors, plan, weights);
}

/** A prompt of random ids before and after an image with random features; an image
 * of 0 tokens is left out. */
export function syntheticPrompt(
  { config }: ModelGraphs,
  seed: number,
  [before, tokens, after]: readonly [number, number, number],
): { prompt: Prompt; images: EncodedImage[] } {
  const random = seededRandom(seed);
  const ids = (count: number) =>
    Array.from({ length: count }, () =>
      Math.floor(random() * Math.min(config.vocabulary, 400)),
    );
  const texts = tokens > 0 ? [ids(before), ids(after)] : [ids(before + after)];
  const { hidden } = config;
  const data = Float32Array.from(
    { length: tokens * hidden },
    () => (random() - 0.5) * 2,
  );
  const features = new Tensor("float32", { data }, [1, tokens, hidden]);
  const image = new Array<number>(tokens).fill(config.imageToken ?? 0);
  const [first = [], second = []] = texts;
  const prompt = { texts, ids: [...first, ...image, ...second] };
  const images = tokens > 0 ? [{ key: `${seed}`, features: [features] }] : [];
  return { prompt, images };
}

export const greedy: Sampling = options.sampling;

/** The first `count` ids of an answer, and the number of calls they took. */
export async function answer(
  language: LanguageBackend,
  { prompt, images }: { prompt: Prompt; images: readonly EncodedImage[] },
  count: number,
  {
    sampling = greedy,
    draft = [],
  }: { sampling?: Sampling; draft?: readonly number[] } = {},
): Promise<{ ids: number[]; calls: number }> {
  const generation = await language.begin(prompt, images, {
    sampling,
    draft,
  });
  const ids: number[] = [];
  let calls = 0;
  while (ids.length < count) {
    ids.push(...(await generation.next(count - ids.length)));
    calls += 1;
  }
  generation.dispose();
  return { ids, calls };
}
