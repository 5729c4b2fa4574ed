import type { DtypeChoice } from "../../shared/models";
import type { BenchOptions } from "./options";

type Asked = Pick<BenchOptions, "dtype" | "device" | "lineup">;

/**
 * The dtype that all of the line-up can run. Where an adapter lacks
 * shader-f16, transformers.js refuses float16 even for the table of
 * embeddings, which is only looked up and which "auto" may therefore choose.
 */
export function sharedDtype(
  { dtype, device, lineup }: Asked,
  features: ReadonlySet<string>,
): DtypeChoice {
  const refuses = device === "webgpu" && !features.has("shader-f16");
  const stuck = refuses && lineup.includes("transformers.js");
  return stuck && dtype === "auto" ? { embed_tokens: "fp32" } : dtype;
}

/** Features of the adapter that the page gets; none without WebGPU. */
export async function adapterFeatures(): Promise<ReadonlySet<string>> {
  const gpu = (navigator as { gpu?: GPU }).gpu;
  const powerPreference = "high-performance";
  const adapter = await gpu?.requestAdapter({ powerPreference });
  return adapter?.features ?? new Set();
}
