import type {
  Device,
  Dtype,
  Graph,
  GraphDtypes,
  MemoryEstimate,
} from "../../src/shared/models";
import type { LoadOptions } from "../../src/shared/protocol";
import type { Runnable } from "./dtypes";
import type { ModelConfig } from "../model-files/config";
import { WASM_MEMORY } from "./compatibility";
import { GRAPHS } from "../model-files/manifest";

/** Long conversations about several pictures; a longer context is rare. */
const USUAL_CONTEXT = 4096;

/** A prompt's words and the conversation's frame, beside the picture. */
const PROMPT_TOKENS = 64;

/** The first stage of FastViTHD is this much narrower than its last layer. */
const LAST_TO_FIRST = 32;

/** Convolutions' part of FastViTHD's weights, the rest being attention's. The
 * fast path has them in a second order as well. */
const FOLDED = 3 / 4;

const isHalf = (dtype: Dtype): boolean => dtype === "fp16" || dtype === "q4f16";

/** Where and how a model is to run. */
export type Way = Pick<LoadOptions, "backend"> & { readonly device: Device };

export function estimateMemory(
  config: ModelConfig,
  variants: Runnable,
  dtypes: GraphDtypes,
  side: number,
  { device, backend }: Way,
): MemoryEstimate {
  // The plain path reads rows of the embedding from the file, one by one.
  const fast = device === "webgpu" && backend !== "ort";
  const held = GRAPHS.filter((graph) => fast || graph !== "embed_tokens");
  const files = held
    .map((graph) => bytesOf(variants, graph, dtypes[graph]))
    .reduce((sum, bytes) => sum + bytes, 0);
  const encoder = bytesOf(variants, "vision_encoder", dtypes.vision_encoder);
  const weights = files + (fast ? Math.ceil(FOLDED * encoder) : 0);
  const contextTokens = Math.min(config.contextLength, USUAL_CONTEXT);
  const value = isHalf(dtypes.decoder_model_merged) ? 2 : 4;
  const { layers, kvHeads, headDim } = config;
  const cache = 2 * layers * kvHeads * headDim * value * contextTokens;
  const activations = activationBytes(config, dtypes, side);
  const total = weights + activations + cache;
  return { weights, activations, cache, contextTokens, total };
}

/**
 * Buffers of the encoder and of the prefill. They are pooled, by size, and not
 * given back while the model is loaded, so that each stage adds its own:
 *
 *     side/4 squared positions · width w:  x, 4w before and 4w after GELU = 9w
 *
 * Every stage has twice the width on a quarter of the positions: half of the
 * one before, together twice the first. w is 96 where the last layer is 3072.
 * The prefill adds its logits: all positions where the decoder gives all.
 * Measured: 39 MB on WebGPU at 256 pixels and true widths, 33 by this sum; all
 * of FastVLM-0.5B at 1024 on WebAssembly 1.58 GB of heap, 1.49 by this sum.
 */
function activationBytes(
  { visionWidth, vocabulary, hidden }: ModelConfig,
  dtypes: GraphDtypes,
  side: number,
): number {
  const value = isHalf(dtypes.vision_encoder) ? 2 : 4;
  const first = 9 * (visionWidth / LAST_TO_FIRST) * (side / 4) ** 2 * value;
  const tokens = (side / 64) ** 2 + PROMPT_TOKENS;
  return Math.ceil(2 * first + tokens * (vocabulary + 16 * hidden) * 4);
}

/** Largest tensor of the encoder: 4w of the first stage, as above. */
export function largestActivation(
  { visionWidth }: ModelConfig,
  dtype: Dtype,
  side: number,
): number {
  const value = isHalf(dtype) ? 2 : 4;
  return 4 * (visionWidth / LAST_TO_FIRST) * (side / 4) ** 2 * value;
}

function bytesOf(variants: Runnable, graph: Graph, dtype: Dtype): number {
  return variants[graph].find((one) => one.dtype === dtype)?.bytes ?? 0;
}

/** Where a model runs and what it takes there. */
export interface Footprint {
  readonly device: Device;
  readonly bytes: number;
}

/** Where the browser does not tell; what small machines have. */
const USUAL_MEMORY = 4;

/**
 * Whether a model may be made ready while another is still in memory: both
 * together take at most half of the machine's, and on WebAssembly, whose one
 * heap they share and which never shrinks, no more than that can address.
 */
export function fitBeside(old: Footprint, next: Footprint): boolean {
  const { deviceMemory = USUAL_MEMORY } = navigator as {
    deviceMemory?: number;
  };
  const both = old.bytes + next.bytes;
  if (both > (deviceMemory * 2 ** 30) / 2) return false;
  const shared = old.device === "wasm" && next.device === "wasm";
  return !shared || both <= WASM_MEMORY;
}
