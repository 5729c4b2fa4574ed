import type {
  Device,
  Dtype,
  Graph,
  GraphFiles,
  MemoryEstimate,
} from "../../src/shared/models";
import { isHalf } from "../../src/shared/options";
import type { ModelConfig } from "../model-files/config";
import {
  eachGraph,
  type Variant,
  type Variants,
} from "../model-files/manifest";
import { EXTERNAL_DATA_LIMIT } from "../onnx/external-data";
import { formatBytes } from "../../src/shared/format";
import type { Hardware } from "./hardware";

/** All variants of each graph. Those that this machine cannot run have an
 * `unsupportedReason`. */
export type VariantCompatibility = Readonly<
  Record<Graph, readonly GraphFiles[]>
>;

/** Bytes of one weight of a matrix. */
const WEIGHT_BYTES: Readonly<Record<Dtype, number>> = {
  fp32: 4,
  fp16: 2,
  q8: 1,
  int8: 1,
  uint8: 1,
  q4: 0.5,
  q4f16: 0.5,
};

/** Bytes of WebAssembly's address space that ONNX Runtime leaves to a model. */
export const WASM_MEMORY = 3.5 * 2 ** 30;

/** Bytes that the weights of a graph take in memory. On the CPU, ONNX Runtime
 * unpacks half precision to 32 bits when it creates a session. */
export function bytesInMemory(
  { dtype, bytes }: Pick<Variant, "dtype" | "bytes">,
  device: Device,
): number {
  return device === "wasm" && dtype === "fp16" ? 2 * bytes : bytes;
}

/** Protobuf messages are limited to 2 GB. */
const LARGEST_GRAPH = 2 ** 31;

/** Adds the reason to each variant that this machine cannot run. */
export function checkCompatibility(
  variants: Variants,
  config: ModelConfig,
  hardware: Hardware,
): VariantCompatibility {
  return eachGraph((graph) =>
    variants[graph].map((variant): GraphFiles => {
      const unsupportedReason = issueOf(graph, variant, config, hardware);
      return {
        ...variant,
        ...(unsupportedReason !== undefined && { unsupportedReason }),
      };
    }),
  );
}

function issueOf(
  graph: Graph,
  { dtype, files, bytes }: Variant,
  config: ModelConfig,
  hardware: Hardware,
): string | undefined {
  const [model, ...data] = files;
  if (model !== undefined && model.bytes >= LARGEST_GRAPH) {
    return `${model.path} is larger than 2 GB and cannot be parsed. Export it with external data.`;
  }
  const long = data.find((file) => file.bytes >= EXTERNAL_DATA_LIMIT);
  if (long !== undefined) return `${long.path} is larger than 4 GB.`;
  // Its rows are read from the file, on the CPU.
  if (graph === "embed_tokens") return undefined;
  if (hardware.device === "wasm") {
    const taken = bytesInMemory({ dtype, bytes }, hardware.device);
    if (taken <= WASM_MEMORY) return undefined;
    return `it takes ${formatBytes(taken)}, and a model can use at most ${formatBytes(WASM_MEMORY)} of WebAssembly's 4 GB.`;
  }
  if (isHalf(dtype) && !hardware.halfPrecision) {
    return "it computes in half precision, and this adapter lacks shader-f16.";
  }
  if (graph === "vision_encoder") return undefined;
  const outputLayer = Math.ceil(
    config.vocabulary * config.hidden * WEIGHT_BYTES[dtype],
  );
  const { largestWeight } = hardware;
  if (outputLayer <= largestWeight) return undefined;
  return `its output layer of ${formatBytes(outputLayer)} is larger than this adapter's largest buffer, ${formatBytes(largestWeight)}.`;
}

/**
 * Why a model does not fit in memory with images of `size` pixels; undefined if it
 * fits.
 * Browsers do not report the size of graphics memory, so a load may still run
 * out of it.
 */
export function memoryIssue(
  { total }: MemoryEstimate,
  largest: number,
  hardware: Hardware,
  size: number,
): string | undefined {
  if (hardware.device === "wasm") {
    if (total <= WASM_MEMORY) return undefined;
    return `it takes about ${formatBytes(total)} with images of ${size} pixels, and a model can use at most ${formatBytes(WASM_MEMORY)} of WebAssembly's 4 GB.`;
  }
  if (largest <= hardware.largestBuffer) return undefined;
  return `images of ${size} pixels need a buffer of ${formatBytes(largest)}, and this adapter's largest is ${formatBytes(hardware.largestBuffer)}.`;
}
