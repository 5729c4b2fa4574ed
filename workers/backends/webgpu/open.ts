import type { Graph } from "../../../src/shared/models";
import { openEmbedding, type Embedder } from "../ort/embedding";
import { planDecoder } from "./graphs/decoder-plan";
import { planVision } from "./graphs/vision-plan";
import { UnsupportedGraph } from "./graphs/weight";
import { GpuTimer } from "../../kernels/gpu-timer";
import type { GraphSource, Backend } from "../backend";
import type { Gpu } from "../../ort/device";
import type { Memory } from "../../ort/tensor";
import type { ModelConfig } from "../../model-files/config";
import { WebGpuEncoder } from "./encoder";
import { checkSizes, GpuWeights } from "./gpu-weights";
import { WebGpuLanguage } from "./language";
import { choicesKey, useRecord } from "./overrides/choice-record";
import { planTable } from "./embedding-table";

/** A model that the fast path can run, as far as its files tell. */
export interface WebGpuPlan {
  /** Leaves nothing on the GPU if it fails. `next` is called between steps and
   * may throw. */
  open(memory: Memory, next: () => void): Promise<Backend>;
}

/** Throws `Unfit` for graphs of another structure than we know, and for weights
 * that are too large for `gpu`. */
export async function planWebGpuBackend(
  graphs: ReadonlyMap<Graph, GraphSource>,
  config: ModelConfig,
  gpu: Gpu,
): Promise<WebGpuPlan> {
  const source = (name: Graph): GraphSource => {
    const found = graphs.get(name);
    if (found === undefined) throw new Error(`${name} was taken before`);
    return found;
  };
  const [embed, seeing, speaking] = [
    source("embed_tokens"),
    source("vision_encoder"),
    source("decoder_model_merged"),
  ];
  const table = planTable(embed.graph, embed.external);
  const decoder = await planDecoder(speaking.graph, speaking.external, config);
  const vision = await planVision(seeing.graph, seeing.external, config);
  const { contextLength } = config;
  if (decoder.maxPositions < contextLength) {
    throw new UnsupportedGraph(
      `it knows ${decoder.maxPositions} positions, config.json ${contextLength}`,
    );
  }
  if (table.rows < decoder.vocabulary) {
    throw new UnsupportedGraph(
      `it picks of ${decoder.vocabulary} tokens and has embeddings of ${table.rows}`,
    );
  }
  const spoken = [...decoder.weights, ...table.weights];
  checkSizes(gpu, [...vision.weights, ...spoken]);
  const open = async (memory: Memory, next: () => void): Promise<Backend> => {
    const { gpu } = memory;
    if (gpu === undefined) throw new UnsupportedGraph("there is no GPU");
    const choices = await choicesKey(gpu.device);
    if (choices !== undefined) await useRecord(gpu.device, choices);
    const uploaded = await GpuWeights.upload(gpu, vision.weights, next);
    const timer = GpuTimer.of(gpu.device);
    const encoder = new WebGpuEncoder(gpu, memory, vision, uploaded, timer);
    let embedder: Embedder | undefined;
    let weights: GpuWeights | undefined;
    try {
      embedder = await openEmbedding(embed.graph, embed.external, memory);
      weights = await GpuWeights.upload(gpu, spoken, next);
      const parts = {
        ...{ gpu, plan: decoder, weights, contextLength },
        ...{ table: table.on(weights), timer },
      };
      const language = new WebGpuLanguage(parts, embedder);
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
