import { VlmError } from "../shared/errors";
import type { Dtype, DtypeChoice, Graph } from "../shared/models";

const dtypes: readonly Dtype[] = ["fp32", "fp16", "q4", "q4f16"];

const graphs: readonly Graph[] = [
  "vision_encoder",
  "embed_tokens",
  "decoder_model_merged",
];

const advice = `Choose auto, one of ${dtypes.join(", ")}, or some by graph, like “vision_encoder=fp16,decoder_model_merged=q4”.`;

/**
 * `auto`, a dtype, or some by graph: `vision_encoder=fp16,…`. A graph that the
 * list leaves out is chosen as by `auto`.
 */
export function parseDtype(text: string): DtypeChoice {
  if (text === "auto" || isDtype(text)) return text;
  if (!text.includes("=")) throw bad(`There is no dtype “${text}”.`);
  const chosen: Partial<Record<Graph, Dtype>> = {};
  for (const pair of text.split(",")) {
    const [graph = "", dtype = ""] = pair.split("=").map((side) => side.trim());
    if (!isGraph(graph)) throw bad(`There is no graph “${graph}”.`);
    if (!isDtype(dtype)) throw bad(`There is no dtype “${dtype}”.`);
    chosen[graph] = dtype;
  }
  return chosen;
}

function isDtype(text: string): text is Dtype {
  return (dtypes as readonly string[]).includes(text);
}

function isGraph(text: string): text is Graph {
  return (graphs as readonly string[]).includes(text);
}

function bad(message: string): VlmError {
  return new VlmError("bad-option", message, advice);
}
