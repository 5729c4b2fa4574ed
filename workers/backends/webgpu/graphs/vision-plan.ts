import type { ModelConfig } from "../../../model-files/config";
import type { OnnxGraph } from "../../../onnx/onnx";
import { contentsOf } from "./vision-contents";
import { folded } from "./vision-fold";
import { writeVision, type Written } from "./vision-graph";
import { inputsOf, type Layer } from "./vision-layers";
import { readStructure } from "./vision-structure";
import { readTensors, type Tensor } from "./vision-tensor";
import type { Float } from "./vision-weights";
import { UnsupportedGraph, type Weight } from "./weight";

/** How to run a published encoder: pixel_values [1, 3, side, side] →
 * image_features [1, (side / 64)², hidden]. */
export interface VisionPlan {
  /** Inputs of the graphs of all sides. */
  readonly weights: readonly Weight[];
  readonly hidden: number;
  /** Of the features; pixels are float32. */
  readonly type: Float;
  /** Throws Unfit for a side that the published graph is not made for. */
  graph(side: number): Uint8Array<ArrayBuffer>;
}

/** Throws Unfit if the graph is not of the structure that we know. */
export async function planVision(
  graph: OnnxGraph,
  external: ReadonlyMap<string, Blob>,
  config: ModelConfig,
): Promise<VisionPlan> {
  const tensors = await readTensors(graph, external);
  const { hidden, side } = config;
  const last = folded(readStructure(graph, tensors, side));
  const type = typeOf(last);
  const { weights } = check(writeVision(last, side, type), last, side, hidden);
  const facts = factsOf(weights, last);
  return {
    weights,
    hidden,
    type,
    graph: (wanted) => {
      const layers = folded(readStructure(graph, tensors, wanted));
      const written = writeVision(layers, wanted, type);
      const model = check(written, layers, wanted, hidden);
      if (factsOf(model.weights, layers) === facts) return model.model;
      throw new UnsupportedGraph(
        `at ${wanted} pixels it has other weights than at ${side}`,
      );
    },
  };
}

/** Of the weights of layers that end in `last`: names and what is in them. */
function factsOf(weights: readonly Weight[], last: Layer): string {
  const facts = weights.map(({ name, type, dims }) => [name, type, dims]);
  return JSON.stringify(facts) + contentsOf(last);
}

function check(written: Written, last: Layer, side: number, hidden: number) {
  if (last.channels !== hidden) {
    throw new UnsupportedGraph(
      `its features have ${last.channels} numbers, not ${hidden}`,
    );
  }
  if (last.height !== side / 64 || last.width !== side / 64) {
    throw new UnsupportedGraph(
      "it does not give a token for each 64 x 64 pixels",
    );
  }
  return written;
}

/** What it computes in: that of its weights, the wider if they differ. */
function typeOf(last: Layer): Float {
  const types = new Set<string>();
  const seen = new Set<Layer>();
  const rest = [last];
  for (let at = rest.pop(); at !== undefined; at = rest.pop()) {
    if (seen.has(at)) continue;
    seen.add(at);
    rest.push(...inputsOf(at));
    const used: readonly (Tensor | undefined)[] =
      at.kind === "conv" ? at.terms.map(({ weight }) => weight?.tensor) : [];
    for (const tensor of used) if (tensor !== undefined) types.add(tensor.type);
  }
  for (const type of types) {
    if (type !== "float32" && type !== "float16") {
      throw new UnsupportedGraph(`it has weights of the type ${type}`);
    }
  }
  return types.has("float32") ? "float32" : "float16";
}
