import type { Graph } from "../../../src/shared/models";
import {
  type Backend,
  type BackendPlan,
  type GraphSource,
  type OnStep,
  UnsupportedGraph,
} from "../backend";
import { openEmbedding, type Embedder } from "../embedding";
import { GpuTimer } from "../../kernels/gpu-timer";
import type { ModelConfig } from "../../model-files/config";
import type { Gpu } from "../../ort/device";
import type { Tensors } from "../../ort/tensor";
import { planEmbeddingTable } from "./embedding-table";
import { WebGpuEncoder } from "./encoder";
import { checkWeightSizes, GpuWeights, largestBufferOf } from "./gpu-weights";
import { planDecoder } from "./graphs/decoder-plan";
import { planVision } from "./graphs/vision-plan";
import { initialCapacity } from "./kv-cache";
import { WebGpuLanguage } from "./language";
import { trialRecordKey, useTrialRecord } from "./overrides/trial-record";

/** Plans the backend without touching the GPU. Throws `UnsupportedGraph` for
 * graphs of an unknown structure and for weights that are too large. */
export async function planWebGpuBackend(
  graphs: Readonly<Record<Graph, GraphSource>>,
  config: ModelConfig,
  gpu: Gpu,
): Promise<BackendPlan> {
  const {
    embed_tokens: embedSource,
    vision_encoder: visionSource,
    decoder_model_merged: decoderSource,
  } = graphs;
  const largest = largestBufferOf(gpu);
  const table = planEmbeddingTable(
    embedSource.graph,
    embedSource.external,
    largest,
  );
  const decoder = await planDecoder(
    decoderSource.graph,
    decoderSource.external,
    config,
    largest,
  );
  const vision = await planVision(
    visionSource.graph,
    visionSource.external,
    config,
  );
  const { contextLength } = config;
  if (decoder.maxPositions < contextLength) {
    throw new UnsupportedGraph(
      `the decoder has ${decoder.maxPositions} positions, but config.json requires ${contextLength}`,
    );
  }
  if (table.rows < decoder.vocabulary) {
    throw new UnsupportedGraph(
      `the decoder has logits for ${decoder.vocabulary} tokens, but the embedding table has ${table.rows} rows`,
    );
  }
  const languageWeights = [...decoder.weights, ...table.weights];
  checkWeightSizes(gpu, [...vision.weights, ...languageWeights]);

  const open = async (tensors: Tensors, onStep: OnStep): Promise<Backend> => {
    const { gpu } = tensors;
    if (gpu === undefined) throw new UnsupportedGraph("there is no GPU");
    const record = await trialRecordKey(gpu.device);
    if (record !== undefined) await useTrialRecord(gpu.device, record);
    const steps = vision.weights.length + languageWeights.length;
    let done = 0;
    const onWeight = (): void => onStep(done++, steps);
    const visionWeights = await GpuWeights.upload(
      gpu,
      vision.weights,
      onWeight,
    );
    const timer = GpuTimer.of(gpu.device);
    const encoder = new WebGpuEncoder(
      gpu,
      tensors,
      vision,
      visionWeights,
      timer,
    );
    let embedder: Embedder | undefined;
    let weights: GpuWeights | undefined;
    try {
      const { graph, external } = embedSource;
      embedder = await openEmbedding(graph, external, tensors);
      weights = await GpuWeights.upload(gpu, languageWeights, onWeight);
      const language = new WebGpuLanguage(
        {
          gpu,
          plan: {
            ...decoder,
            batchInvariant: decoder.batchInvariant || !gpu.multipliesIn8Bits,
          },
          weights,
          table: table.bind(weights),
          timer,
          contextLength,
          capacity: initialCapacity(decoder),
        },
        embedder,
      );
      return { encoder, language, ...(timer && { timer }) };
    } catch (error) {
      timer?.dispose();
      weights?.destroy();
      await embedder?.release();
      await encoder.release();
      throw error;
    }
  };
  return { open };
}
