import { VlmError } from "../../src/shared/errors";
import type {
  Dtype,
  DtypeChoice,
  Graph,
  GraphDtypes,
  GraphFiles,
} from "../../src/shared/models";
import { graphNames } from "../../src/shared/options";
import { eachGraph, graphFile } from "../model-files/manifest";
import { formatBytes } from "../../src/shared/format";
import { defined } from "../util/assert";
import { WASM_MEMORY, type VariantCompatibility } from "./compatibility";
import type { Hardware } from "./hardware";

/** The recommended dtype of a graph, if one can run, and why. */
interface Recommendation {
  readonly dtype: Dtype | undefined;
  readonly reason: string;
}

/** Bytes below which a model is used in fp32 where possible. */
export const SMALL_MODEL = 100e6;

/** Share of the bytes that a less exact dtype has to save. */
const WORTHWHILE = 0.1;

/** Dtypes with weights of 8 bits. */
const BYTES: readonly Dtype[] = ["q8", "int8", "uint8"];

/** Share of WebAssembly's memory that a decoder may take in fp32 if there is a
 * smaller one. */
const ROOMY = 1 / 2;

/** `suitable`: dtypes to choose from, the most exact first. `fallbacks`: dtypes to
 * try, in this order, where the model has no suitable one. */
interface Order {
  readonly suitable: readonly Dtype[];
  readonly fallbacks: readonly Dtype[];
}

/**
 * embed_tokens is a table whose rows are read on the CPU, so half precision needs
 * no support of the adapter.
 *
 * The encoder's convolutions stay in 32 bits in q4, so only half precision
 * halves its bytes. The decoder's activations stay in 32 bits where possible:
 * those of Qwen2 overflow in half precision on WebGPU (onnxruntime #26732). CPUs
 * compute in 32 bits anyway, but convolutions of 8 bits are six times as slow there.
 */
function orderOf(
  graph: Graph,
  hardware: Hardware,
  variants: readonly GraphFiles[],
  small: boolean,
): Order {
  const fallbacks = (...dtypes: Dtype[]) => [...dtypes, ...BYTES];
  if (graph === "embed_tokens") {
    const suitable = ["fp32", "fp16"] as const;
    return { suitable, fallbacks: fallbacks("q4f16", "q4") };
  }
  if (graph === "vision_encoder" && hardware.halfPrecision) {
    const suitable = ["fp32", "fp16", "q4f16"] as const;
    return { suitable, fallbacks: fallbacks("q4") };
  }
  if (isQuickest(graph, hardware)) {
    return quickestOnCpu(variants, small);
  }
  const suitable = ["fp32", "q4"] as const;
  return { suitable, fallbacks: fallbacks("q4f16", "fp16") };
}

/**
 * The quickest decoder on a CPU, where ONNX Runtime unpacks 4-bit weights for every
 * product. Measured with the widths of FastVLM-0.5B, relative to 8 bits:
 *
 *              one token   284 tokens
 *     8 bits       1            1
 *     fp32         3            3
 *     q4          13            3
 */
function quickestOnCpu(variants: readonly GraphFiles[], small: boolean): Order {
  const fallbacks: readonly Dtype[] = [...BYTES, "q4", "fp32", "q4f16", "fp16"];
  const bytes = BYTES.find((dtype) => runs(variants, dtype));
  if (bytes !== undefined && !small) return { suitable: [bytes], fallbacks };
  const fits = variants.some(
    ({ dtype, bytes }) => dtype === "fp32" && bytes <= ROOMY * WASM_MEMORY,
  );
  return { suitable: fits ? ["fp32"] : [], fallbacks };
}

function runs(variants: readonly GraphFiles[], dtype: Dtype): boolean {
  return variants.some(
    (one) => one.dtype === dtype && one.unsupportedReason === undefined,
  );
}

/** Recommends the dtypes that suit the adapter, among those that can run. */
export function recommend(
  variants: VariantCompatibility,
  hardware: Hardware,
): Record<Graph, Recommendation> {
  const sizes = graphNames.map((graph) =>
    Math.max(0, ...variants[graph].map(({ bytes }) => bytes)),
  );
  const small = sizes.reduce((sum, bytes) => sum + bytes, 0) < SMALL_MODEL;
  return eachGraph((graph) =>
    recommendOne(graph, variants[graph], hardware, small),
  );
}

function recommendOne(
  graph: Graph,
  variants: readonly GraphFiles[],
  hardware: Hardware,
  small: boolean,
): Recommendation {
  const canRun = (dtype: Dtype) => runs(variants, dtype);
  const order = orderOf(graph, hardware, variants, small);
  const [first, ...others] = order.suitable.filter(canRun);
  if (first === undefined) {
    const last = order.fallbacks.find(canRun);
    return last === undefined
      ? { dtype: undefined, reason: nothingRuns(graph, variants) }
      : {
          dtype: last,
          reason: `${last}: the model has no dtype that suits this device better.`,
        };
  }
  if (small && first === "fp32") {
    const reason =
      "fp32: the model is so small that a smaller dtype saves little.";
    return { dtype: first, reason };
  }
  if (others.length === 0 && !isQuickest(graph, hardware)) {
    return {
      dtype: first,
      reason: `${first}: the only dtype of the model that suits this device.`,
    };
  }
  let best = first;
  for (const dtype of others) {
    const limit = bytesOf(variants, best) * (1 - WORTHWHILE);
    if (bytesOf(variants, dtype) <= limit) best = dtype;
  }
  return { dtype: best, reason: reasonFor(graph, best, variants, hardware) };
}

/** Whether the dtype of a graph is chosen for its speed on a CPU. */
function isQuickest(graph: Graph, { device }: Hardware): boolean {
  return graph === "decoder_model_merged" && device === "wasm";
}

function reasonFor(
  graph: Graph,
  dtype: Dtype,
  variants: readonly GraphFiles[],
  hardware: Hardware,
): string {
  const size = formatBytes(bytesOf(variants, dtype));
  const fp32 = variants.find((one) => one.dtype === "fp32");
  const of = fp32 === undefined ? "" : ` instead of ${formatBytes(fp32.bytes)}`;
  if (isQuickest(graph, hardware)) {
    const quick = dtype === "fp32" ? "four" : "13";
    return `${dtype}: ${size}${of}. On the CPU, q4 takes about ${quick} times as long per token.`;
  }
  switch (`${graph} ${dtype}`) {
    case "embed_tokens fp16":
      return `fp16: ${size}${of}. Its rows are read on the CPU, and rounding bfloat16 weights to fp16 changes only those below 0.00006.`;
    case "vision_encoder fp16":
    case "vision_encoder q4f16":
      return `${dtype}: ${size}${of}, and up to twice as fast, because this adapter computes in half precision.`;
    case "decoder_model_merged q4":
      return `q4: ${size}${of} to read for every token. It computes in 32 bits; half precision is known to overflow.`;
  }
  if (dtype === "fp32") return `fp32: no other dtype is much smaller.`;
  const where =
    hardware.device === "wasm" ? "on the CPU" : "without shader-f16";
  return `${dtype}: ${size}${of}. It computes in 32 bits, as required ${where}.`;
}

function nothingRuns(graph: Graph, variants: readonly GraphFiles[]): string {
  const [first] = variants;
  if (first === undefined) {
    return `The model has no ${graphFile(graph, "fp32")}, nor ${graph} in another dtype.`;
  }
  return variants
    .map(({ dtype, unsupportedReason }) => {
      return `${graph} ${dtype}: ${defined(unsupportedReason, "issue")}`;
    })
    .join(" ");
}

/** The dtypes to load. Throws if one is missing or cannot run. */
export function choose(
  choice: DtypeChoice,
  variants: VariantCompatibility,
  hardware: Hardware,
): GraphDtypes {
  const best = recommend(variants, hardware);
  return eachGraph((graph) => {
    const asked = typeof choice === "string" ? choice : choice[graph];
    if (asked !== undefined && asked !== "auto") {
      return checked(graph, asked, variants[graph], hardware);
    }
    const { dtype, reason } = best[graph];
    if (dtype !== undefined) return dtype;
    throw variants[graph].length === 0
      ? missing(reason, `Add ${graph} to it, or choose another model.`)
      : unsupported(reason);
  });
}

function checked(
  graph: Graph,
  dtype: Dtype,
  variants: readonly GraphFiles[],
  { adapter }: Hardware,
): Dtype {
  const found = variants.find((variant) => variant.dtype === dtype);
  if (found === undefined) {
    const present = variants.map((variant) => variant.dtype).join(", ");
    throw missing(
      `The model has no ${graphFile(graph, dtype)}${present === "" ? `, and no other file of ${graph}` : `; it has ${graph} in ${present}`}.`,
      `Choose auto or a dtype other than ${dtype}, or add the file to the model.`,
    );
  }
  if (found.unsupportedReason === undefined) return dtype;
  throw unsupported(
    `${graphFile(graph, dtype)} cannot run on ${adapter}: ${found.unsupportedReason}`,
  );
}

function missing(message: string, advice: string): VlmError {
  return new VlmError("model-file-missing", message, advice);
}

function unsupported(message: string): VlmError {
  return new VlmError(
    "unsupported",
    message,
    "Choose the dtype auto, another device, or a smaller model.",
  );
}

function bytesOf(variants: readonly GraphFiles[], dtype: Dtype): number {
  const variant = variants.find((one) => one.dtype === dtype);
  return defined(variant, `variant in ${dtype}`).bytes;
}
