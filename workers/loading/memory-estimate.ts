import type {
  Device,
  Dtype,
  Graph,
  GraphDtypes,
  MemoryEstimate,
} from "../../src/shared/models";
import { graphNames, isHalf } from "../../src/shared/options";
import { LOGIT_ROWS } from "../backends/webgpu/prefill-plan";
import type { LoadOptions } from "../../src/shared/protocol";
import { imageTokensForSize } from "../backends/backend";
import type { ModelConfig } from "../model-files/config";
import { defined } from "../util/assert";
import {
  bytesInMemory,
  WASM_MEMORY,
  type VariantCompatibility,
} from "./compatibility";

/** Enough for long conversations about several images. */
const USUAL_CONTEXT = 4096;

/** Tokens of a question and of the chat template. */
const PROMPT_TOKENS = 64;

/** Channels of FastViTHD's last layer over those of its first stage. */
const LAST_TO_FIRST = 32;

/** Where a model runs. */
export type Placement = Pick<LoadOptions, "backend"> & {
  readonly device: Device;
};

export function estimateMemory(
  config: ModelConfig,
  variants: VariantCompatibility,
  dtypes: GraphDtypes,
  size: number,
  { device, backend }: Placement,
): MemoryEstimate {
  const bytesOf = (graph: Graph): number => {
    const dtype = dtypes[graph];
    const variant = variants[graph].find((one) => one.dtype === dtype);
    return bytesInMemory(defined(variant, `${graph} in ${dtype}`), device);
  };
  const webgpu = device === "webgpu" && backend !== "ort";
  // The ORT backend reads the rows of the embedding table from the file.
  const weights = webgpu
    ? graphNames.map(bytesOf).reduce((sum, bytes) => sum + bytes)
    : bytesOf("vision_encoder") + bytesOf("decoder_model_merged");
  const contextTokens = Math.min(config.contextLength, USUAL_CONTEXT);
  const value = isHalf(dtypes.decoder_model_merged) ? 2 : 4;
  const { layers, kvHeads, headDim } = config;
  const cache = 2 * layers * kvHeads * headDim * value * contextTokens;
  const rows = webgpu ? LOGIT_ROWS.reduce((sum, each) => sum + each, 0) : 1;
  const activations = activationBytes(config, dtypes, size, rows);
  const total = weights + activations + cache;
  return { weights, activations, cache, contextTokens, total };
}

/**
 * Buffers of the encoder and of the prefill. They are pooled by size and freed
 * with the model only, so that each stage adds its own:
 *
 *     (size/4)² positions · width w:  x, 4w before and 4w after GELU = 9w
 *
 * Each stage has twice the width and a quarter of the positions of the one before,
 * so it takes half of its bytes: all stages together take twice those of the first.
 * w is `visionWidth` / 32: 96 where the last layer has 3072 channels.
 * The prefill adds `logitRows` rows of logits.
 */
function activationBytes(
  { visionWidth, vocabulary, hidden }: ModelConfig,
  dtypes: GraphDtypes,
  size: number,
  logitRows: number,
): number {
  const value = isHalf(dtypes.vision_encoder) ? 2 : 4;
  const first = 9 * (visionWidth / LAST_TO_FIRST) * (size / 4) ** 2 * value;
  const tokens = imageTokensForSize(size) + PROMPT_TOKENS;
  const floats = tokens * 16 * hidden + logitRows * vocabulary;
  return Math.ceil(2 * first + floats * 4);
}

/** Largest tensor of the encoder: 4w of the first stage, as above. */
export function largestActivation(
  { visionWidth }: ModelConfig,
  dtype: Dtype,
  size: number,
): number {
  const value = isHalf(dtype) ? 2 : 4;
  return 4 * (visionWidth / LAST_TO_FIRST) * (size / 4) ** 2 * value;
}

/** Where a model is in memory, and how large it is there. */
export interface Footprint {
  readonly device: Device;
  readonly bytes: number;
}

/** GB of memory assumed where the browser does not report it. */
const USUAL_MEMORY = 4;

/**
 * Whether a model may open while another is in memory: together they take at
 * most half of the machine's memory. Two models on WebAssembly must also fit in
 * its heap, which they share and which never shrinks.
 */
export function fitTogether(old: Footprint, next: Footprint): boolean {
  const { deviceMemory = USUAL_MEMORY } = navigator as {
    deviceMemory?: number;
  };
  const both = old.bytes + next.bytes;
  if (both > (deviceMemory * 2 ** 30) / 2) return false;
  const shared = old.device === "wasm" && next.device === "wasm";
  return !shared || both <= WASM_MEMORY;
}
