import type { Graph } from "../../../src/shared/models";
import type { ModelConfig } from "../../model-files/config";
import {
  type BackendPlan,
  type GraphSource,
  UnsupportedGraph,
} from "../backend";

/** Plans the backend without reading weights. Throws `UnsupportedGraph` for graphs of
 * an unknown structure, and in a browser without SIMD. */
export function planWasmBackend(
  _graphs: Readonly<Record<Graph, GraphSource>>,
  _config: ModelConfig,
): Promise<BackendPlan> {
  throw new UnsupportedGraph("its executor is not in this build");
}
