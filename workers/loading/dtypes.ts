import { VlmError } from "../../src/shared/errors";
import type {
  Dtype,
  DtypeChoice,
  Graph,
  GraphDtypes,
  GraphFiles,
} from "../../src/shared/models";
import { inWords } from "../store/errors";
import type { Hardware } from "./hardware";
import { eachGraph, graphFile, GRAPHS } from "../model-files/manifest";

/** The graphs of a folder, each with what stands in its way here. */
export type Runnable = Readonly<Record<Graph, readonly GraphFiles[]>>;

/** A dtype for a graph, or none; and a sentence that says why. */
export interface Recommendation {
  readonly dtype: Dtype | undefined;
  readonly reason: string;
}

/** Below this a model is small enough to be taken exactly as it is. */
const SMALL = 100e6;

/** A dtype that loses accuracy must save at least this part of the bytes. */
const WORTHWHILE = 0.1;

/** From the most exact on; and what to take if there is none of them. */
interface Order {
  readonly good: readonly Dtype[];
  readonly otherwise: readonly Dtype[];
}

/**
 * embed_tokens is a table whose rows are read on the processor: half precision
 * needs nothing of the adapter.
 *
 * The encoder's convolutions stay in 32 bits in q4, so that only half precision
 * halves its bytes. The decoder's activations are kept in 32 bits wherever it
 * can be: those of Qwen2 overflow in half precision on WebGPU (onnxruntime
 * #26732). Processors compute in 32 bits anyway.
 */
function orderOf(graph: Graph, { halfPrecision }: Hardware): Order {
  if (graph === "embed_tokens") {
    return { good: ["fp32", "fp16"], otherwise: ["q4f16", "q4"] };
  }
  if (graph === "vision_encoder" && halfPrecision) {
    return { good: ["fp32", "fp16", "q4f16"], otherwise: ["q4"] };
  }
  return { good: ["fp32", "q4"], otherwise: ["q4f16", "fp16"] };
}

/** What suits the adapter, of what there is and runs here. */
export function recommend(
  variants: Runnable,
  hardware: Hardware,
): Record<Graph, Recommendation> {
  const sizes = GRAPHS.map((graph) =>
    Math.max(0, ...variants[graph].map(({ bytes }) => bytes)),
  );
  const small = sizes.reduce((sum, bytes) => sum + bytes, 0) < SMALL;
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
  const runs = (dtype: Dtype) =>
    variants.some((one) => one.dtype === dtype && one.obstacle === undefined);
  const { good, otherwise } = orderOf(graph, hardware);
  const [first, ...others] = good.filter(runs);
  if (first === undefined) {
    const last = otherwise.find(runs);
    return last === undefined
      ? { dtype: undefined, reason: nothingRuns(graph, variants) }
      : { dtype: last, reason: `${last}: nothing better suited is there.` };
  }
  if (small && first === "fp32") {
    const reason = "fp32: the model is so small that nothing need be lost.";
    return { dtype: first, reason };
  }
  if (others.length === 0) {
    return { dtype: first, reason: `${first}: no other that suits is there.` };
  }
  let best = first;
  for (const dtype of others) {
    const [old, now] = [bytesOf(variants, best), bytesOf(variants, dtype)];
    if (now <= old * (1 - WORTHWHILE)) best = dtype;
  }
  return { dtype: best, reason: reasonFor(graph, best, variants, hardware) };
}

function reasonFor(
  graph: Graph,
  dtype: Dtype,
  variants: readonly GraphFiles[],
  { device }: Hardware,
): string {
  const size = inWords(bytesOf(variants, dtype));
  const exact = bytesOf(variants, "fp32");
  const of = exact > 0 ? ` instead of ${inWords(exact)}` : "";
  switch (`${graph} ${dtype}`) {
    case "embed_tokens fp16":
      return `fp16: ${size}${of}; its rows are read on the processor, and rounding bfloat16 weights to it changes only those below 0.00006.`;
    case "vision_encoder fp16":
    case "vision_encoder q4f16":
      return `${dtype}: ${size}${of}, and up to twice as quick, as this adapter computes in half precision.`;
    case "decoder_model_merged q4":
      return `q4: ${size}${of} to be read for every token; it computes in 32 bits, where half precision has overflowed.`;
  }
  if (dtype === "fp32") return `fp32: nothing here saves much and loses less.`;
  const where = device === "wasm" ? "on the processor" : "without shader-f16";
  return `${dtype}: ${size}${of}; it computes in 32 bits, as it must ${where}.`;
}

function nothingRuns(graph: Graph, variants: readonly GraphFiles[]): string {
  const [first] = variants;
  if (first === undefined) {
    return `There is no ${graphFile(graph, "fp32")}, nor ${graph} in another dtype.`;
  }
  return variants
    .map(({ dtype, obstacle }) => `${graph} ${dtype}: ${obstacle ?? ""}`)
    .join(" ");
}

/** The dtypes to load. Throws what stands in the way. */
export function choose(
  choice: DtypeChoice,
  variants: Runnable,
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
    const there = variants.map((variant) => variant.dtype).join(", ");
    throw missing(
      `There is no ${graphFile(graph, dtype)}; the model has ${graph} in ${there || "no dtype"}.`,
      `Choose another dtype than ${dtype}, or auto; or add it to the model.`,
    );
  }
  if (found.obstacle === undefined) return dtype;
  throw unsupported(
    `${graphFile(graph, dtype)} cannot run on ${adapter}: ${found.obstacle}`,
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
  return variants.find((variant) => variant.dtype === dtype)?.bytes ?? 0;
}
