import type { ModelConfig } from "../../model-files/config";
import type { OnnxGraph } from "../../onnx/onnx-reader";
import { readEncoder } from "../webgpu/graphs/vision-plan";
import { writeEncoderProgram, type EncoderProgram } from "./encoder-program";
import type { EncoderWeight } from "./encoder-weights";

/** Our programs of a published encoder: pixel_values [1, 3, size, size] →
 * image_features [1, (size / 64)², hidden]. */
export interface EncoderPlan {
  /** The same for all input sizes. */
  readonly weights: readonly EncoderWeight[];
  readonly hidden: number;
  /** Throws `UnsupportedGraph` for a size that the published graph does not support. */
  readonly program: (size: number) => EncoderProgram;
}

/** Throws `UnsupportedGraph` if the graph does not match the known structure. */
export async function planEncoder(
  graph: OnnxGraph,
  external: ReadonlyMap<string, Blob>,
  config: ModelConfig,
): Promise<EncoderPlan> {
  const encoder = await readEncoder(graph, external, config);
  const { weights } = writeEncoderProgram(encoder.layers(config.size));
  return {
    weights,
    hidden: config.hidden,
    program: (size) => writeEncoderProgram(encoder.layers(size)),
  };
}
