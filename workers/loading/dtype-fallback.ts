import { VlmError } from "../../src/shared/errors";
import type { Dtype, Graph, GraphDtypes } from "../../src/shared/models";
import { isHalf } from "../../src/shared/options";
import { graphFile } from "../model-files/manifest";
import type { VariantCompatibility } from "./compatibility";

/** The dtypes that replace one in half precision, in order of preference: the
 * most exact for the encoder, the smallest for the decoder. */
function wider(graph: Graph, dtype: Dtype): readonly Dtype[] {
  if (!isHalf(dtype)) return [];
  const exact = graph !== "decoder_model_merged" && dtype === "fp16";
  const bytes = ["q8", "int8", "uint8"] as const;
  return exact ? ["fp32", "q4", ...bytes] : ["q4", "fp32", ...bytes];
}

/** The dtypes to try after `graph` computed NaN or Infinity, and the reason.
 * Throws if there is no wider dtype. */
export function fallBackToWiderDtype(
  graph: Graph,
  dtypes: GraphDtypes,
  variants: VariantCompatibility,
  adapter: string,
): { readonly dtypes: GraphDtypes; readonly reason: string } {
  const old = dtypes[graph];
  const file = graphFile(graph, old);
  const runs = (dtype: Dtype) =>
    variants[graph].some(
      (one) => one.dtype === dtype && one.unsupportedReason === undefined,
    );
  const dtype = wider(graph, old).find(runs);
  if (dtype !== undefined) {
    const reason = `${file} overflowed on ${adapter} (it computed NaN or Infinity), so ${dtype} is used instead.`;
    return { dtypes: { ...dtypes, [graph]: dtype }, reason };
  }
  if (isHalf(old)) {
    throw new VlmError(
      "unsupported",
      `${file} overflows on ${adapter}: it computes NaN or Infinity, and the model has no wider dtype for it.`,
      "Choose another device, or add the graph in q4 or fp32 to the model.",
    );
  }
  throw new VlmError(
    "model-corrupt",
    `${file} computes NaN or Infinity for a test image.`,
    "Its weights are damaged. Export the model again.",
  );
}
