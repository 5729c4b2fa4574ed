import type { Graph } from "../../../src/shared/models";
import type { ModelConfig } from "../../model-files/config";
import type { Tensors } from "../../ort/tensor";
import {
  type Backend,
  type BackendPlan,
  type GraphSource,
  type OnStep,
  UnsupportedGraph,
} from "../backend";
import { openEmbedding } from "../embedding";
import { WasmDecoder } from "./decoder";
import { planWasmDecoder, weightsOf } from "./decoder-plan";
import { WasmEncoder } from "./encoder";
import { planEncoder } from "./encoder-plan";
import { supportsKernels } from "./kernels";
import { WasmLanguage } from "./language";
import { openWasmRuntime } from "./runtime";

/** Plans the backend without reading large weights. Throws `UnsupportedGraph` for
 * graphs of an unknown structure, and in a browser without SIMD. */
export async function planWasmBackend(
  graphs: Readonly<Record<Graph, GraphSource>>,
  config: ModelConfig,
): Promise<BackendPlan> {
  if (!supportsKernels()) {
    throw new UnsupportedGraph("this browser has no WebAssembly SIMD");
  }
  const { vision_encoder, embed_tokens, decoder_model_merged } = graphs;
  const decoder = await planWasmDecoder(
    decoder_model_merged.graph,
    decoder_model_merged.external,
    config,
  );
  const { contextLength } = config;
  if (decoder.maxPositions < contextLength) {
    throw new UnsupportedGraph(
      `the decoder has ${decoder.maxPositions} positions, but config.json requires ${contextLength}`,
    );
  }
  const vision = await planEncoder(
    vision_encoder.graph,
    vision_encoder.external,
    config,
  );
  const steps = vision.weights.length + [...weightsOf(decoder)].length;

  const open = async (tensors: Tensors, onStep: OnStep): Promise<Backend> => {
    const runtime = await openWasmRuntime();
    let done = 0;
    const onWeight = (): void => onStep(done++, steps);
    try {
      const { graph, external } = embed_tokens;
      const embedder = await openEmbedding(graph, external, tensors);
      return {
        encoder: await WasmEncoder.open(runtime, tensors, vision, onWeight),
        language: new WasmLanguage(
          await WasmDecoder.open(decoder, runtime, onWeight),
          embedder,
          contextLength,
        ),
        wasmBytes: () => runtime.memory.size,
        close: () => runtime.release(),
      };
    } catch (error) {
      // The memory goes with the runtime.
      runtime.release();
      throw error;
    }
  };
  return { open };
}
