import type {
  Dtype,
  Graph,
  GraphFiles,
  MemoryEstimate,
} from "../../src/shared/models";
import { inWords } from "../store/errors";
import type { Runnable } from "./dtypes";
import type { Hardware } from "./hardware";
import type { ModelConfig } from "../model-files/config";
import {
  eachGraph,
  type Variant,
  type Variants,
} from "../model-files/manifest";

/** Bytes of a weight in the matrices; 4 bits with a 16-bit scale for 32. */
const WEIGHT_BYTES: Readonly<Record<Dtype, number>> = {
  fp32: 4,
  fp16: 2,
  q4: 0.5,
  q4f16: 0.5,
};

/** What WebAssembly can address, less what the runtime itself takes. */
export const WASM_MEMORY = 3.5 * 2 ** 30;

/** Places in a file of external data are numbers of 32 bits. */
const LARGEST_DATA = 2 ** 32;

/** The format that graphs are written in ends here. */
const LARGEST_GRAPH = 2 ** 31;

/** Says of each graph in each dtype whether this machine can run it. */
export function checkCompatibility(
  variants: Variants,
  config: ModelConfig,
  hardware: Hardware,
): Runnable {
  return eachGraph((graph) =>
    variants[graph].map((variant): GraphFiles => {
      const obstacle = obstacleOf(graph, variant, config, hardware);
      return { ...variant, ...(obstacle !== undefined && { obstacle }) };
    }),
  );
}

function obstacleOf(
  graph: Graph,
  { dtype, files, bytes }: Variant,
  config: ModelConfig,
  hardware: Hardware,
): string | undefined {
  const [model, ...data] = files;
  if (model !== undefined && model.bytes >= LARGEST_GRAPH) {
    return `${model.path} is larger than 2 GB and cannot be read whole; it needs its weights in files of external data.`;
  }
  const long = data.find((file) => file.bytes >= LARGEST_DATA);
  if (long !== undefined) return `${long.path} is larger than 4 GB.`;
  // Its rows are read from the file, on the processor.
  if (graph === "embed_tokens") return undefined;
  if (hardware.device === "wasm") {
    if (bytes <= WASM_MEMORY) return undefined;
    return `it takes ${inWords(bytes)}, and WebAssembly has 4 GB in all.`;
  }
  if ((dtype === "fp16" || dtype === "q4f16") && !hardware.halfPrecision) {
    return "it computes in half precision, and this adapter lacks shader-f16.";
  }
  if (graph === "vision_encoder") return undefined;
  const head = Math.ceil(
    config.vocabulary * config.hidden * WEIGHT_BYTES[dtype],
  );
  if (head <= hardware.largestBuffer) return undefined;
  return `its output layer of ${inWords(head)} is larger than this adapter's largest buffer, ${inWords(hardware.largestBuffer)}.`;
}

/** What stands in the way of a whole model with pictures of `side` pixels.
 * How much graphics memory there is browsers do not tell; running out of it is
 * found out when a model is loaded. */
export function memoryObstacle(
  { total }: MemoryEstimate,
  largest: number,
  hardware: Hardware,
  side: number,
): string | undefined {
  if (hardware.device === "wasm") {
    if (total <= WASM_MEMORY) return undefined;
    return `it takes about ${inWords(total)} with pictures of ${side} pixels, and WebAssembly has 4 GB in all.`;
  }
  if (largest <= hardware.largestBuffer) return undefined;
  return `pictures of ${side} pixels take a buffer of ${inWords(largest)}, and this adapter's largest is ${inWords(hardware.largestBuffer)}.`;
}
