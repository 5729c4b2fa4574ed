import { badOption } from "../shared/errors";
import type { Dtype, DtypeChoice, Graph } from "../shared/models";
import { dtypes, graphNames } from "../shared/options";

const advice = `Choose auto, ${dtypes.join(", ")}, or a dtype for each graph: “vision_encoder=fp16,decoder_model_merged=q4”.`;

/**
 * Parses `auto`, a dtype, or dtypes by graph: `vision_encoder=fp16,…`. Graphs
 * that are left out are `auto`. @throws `bad-option`
 */
export function parseDtype(text: string): DtypeChoice {
  if (text === "auto" || isDtype(text)) return text;
  if (!text.includes("=")) throw badOption(`Unknown dtype “${text}”.`, advice);
  const chosen: Partial<Record<Graph, Dtype>> = {};
  for (const pair of text.split(",")) {
    const [graph = "", dtype = ""] = pair.split("=").map((part) => part.trim());
    if (!isGraph(graph)) throw badOption(`Unknown graph “${graph}”.`, advice);
    if (!isDtype(dtype)) throw badOption(`Unknown dtype “${dtype}”.`, advice);
    chosen[graph] = dtype;
  }
  return chosen;
}

function isDtype(text: string): text is Dtype {
  return (dtypes as readonly string[]).includes(text);
}

function isGraph(text: string): text is Graph {
  return (graphNames as readonly string[]).includes(text);
}
