import { VlmError } from "../../src/shared/errors";
import type { Dtype, Graph, GraphDtypes } from "../../src/shared/models";
import type { Runnable } from "./dtypes";
import { graphFile } from "../model-files/manifest";

/** What computes more widely than half precision, the next best first: the
 * encoder as exactly, the decoder as compactly as can be. */
function wider(graph: Graph, dtype: Dtype): readonly Dtype[] {
  if (dtype !== "fp16" && dtype !== "q4f16") return [];
  const exact = graph !== "decoder_model_merged" && dtype === "fp16";
  return exact ? ["fp32", "q4"] : ["q4", "fp32"];
}

/** The dtypes to try when `graph` has given NaN or infinity, and the reason.
 * Throws if there is nothing wider. */
export function fallBackToWiderDtype(
  graph: Graph,
  dtypes: GraphDtypes,
  variants: Runnable,
  adapter: string,
): { readonly dtypes: GraphDtypes; readonly reason: string } {
  const old = dtypes[graph];
  const file = graphFile(graph, old);
  const runs = (dtype: Dtype) =>
    variants[graph].some(
      (one) => one.dtype === dtype && one.obstacle === undefined,
    );
  const dtype = wider(graph, old).find(runs);
  if (dtype !== undefined) {
    const reason = `${file} overflowed on ${adapter} (NaN or infinity came out), so ${dtype} took its place.`;
    return { dtypes: { ...dtypes, [graph]: dtype }, reason };
  }
  if (old === "fp16" || old === "q4f16") {
    throw new VlmError(
      "unsupported",
      `${file} overflows on ${adapter}: NaN or infinity comes out, and the folder has no wider dtype of it.`,
      "Choose another device, or add the graph in q4 or fp32 to the folder.",
    );
  }
  throw new VlmError(
    "model-corrupt",
    `${file} computes NaN or infinity from an ordinary picture.`,
    "Its weights are spoiled: export the model again.",
  );
}
