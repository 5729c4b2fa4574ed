import type { DtypeChoice } from "../../shared/models";
import type { BenchOptions } from "./params";

type DtypeOptions = Pick<BenchOptions, "dtype" | "device" | "lineup">;

/**
 * A dtype that every engine in the line-up can run. Without shader-f16,
 * transformers.js rejects float16 even for the embedding table, for which "auto" may
 * choose it.
 */
export function sharedDtype(
  { dtype, device, lineup }: DtypeOptions,
  features: ReadonlySet<string>,
): DtypeChoice {
  const rejectsHalf = device === "webgpu" && !features.has("shader-f16");
  const needsFloat = rejectsHalf && lineup.includes("transformers.js");
  return needsFloat && dtype === "auto" ? { embed_tokens: "fp32" } : dtype;
}
