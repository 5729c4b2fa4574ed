import type { OnnxGraph, OnnxNode } from "../../../onnx/onnx";
import { evaluated } from "./vision-arithmetic";
import { FEATURES } from "./vision-features";
import { mapView, pixelAtoms, type Layer } from "./vision-layers";
import { relaid } from "./vision-layout";
import {
  computedTensor,
  constant,
  decoded,
  type Constant,
  type Tensor,
} from "./vision-tensor";
import { isFeatures, type Features, type Value } from "./vision-value";
import { sameAtoms, shapeOf } from "./vision-view";
import { UnsupportedGraph } from "./weight";

/** Input and output of a published encoder. */
export interface Ends {
  readonly input: string;
  readonly output: string;
}

function endsOf({ inputs, outputs }: OnnxGraph): Ends {
  const [input, ...more] = inputs;
  const [output, ...others] = outputs;
  if (input === undefined || output === undefined) {
    throw new UnsupportedGraph("it has no input or no output");
  }
  if (more.length + others.length > 0) {
    throw new UnsupportedGraph("it has several inputs or outputs");
  }
  return { input: input.name, output: output.name };
}

/**
 * The layer that gives the features of a square picture: the graph's operators
 * are followed one by one, what lays tensors out anew is remembered and not
 * done. With the side known, shapes are numbers.
 */
export function readStructure(
  graph: OnnxGraph,
  tensors: ReadonlyMap<string, Tensor>,
  side: number,
): Layer {
  const { input, output } = endsOf(graph);
  const values = new Map<string, Value>();
  for (const [name, tensor] of tensors) values.set(name, constant(tensor));
  values.set(input, pixelsOf(side));
  for (const node of graph.nodes) {
    const inputs = node.inputs.map((name) => {
      const value = values.get(name);
      if (name === "" || value !== undefined) return value;
      throw new UnsupportedGraph(`${name} is used before it is computed`);
    });
    const results = follow(node, inputs);
    results.forEach((value, i) => {
      const name = node.outputs[i];
      if (name !== undefined) values.set(name, value);
    });
  }
  const features = values.get(output);
  if (!isFeatures(features))
    throw new UnsupportedGraph("its output is no features");
  return asTokens(features);
}

function pixelsOf(side: number): Features {
  const size = { height: side, width: side, channels: 3 };
  const layer: Layer = { kind: "pixels", ...size };
  return { layer, view: mapView(layer) };
}

function follow(
  node: OnnxNode,
  inputs: readonly (Value | undefined)[],
): readonly Value[] {
  const [first] = inputs;
  if (node.op === "Constant") return [constantOf(node)];
  if (node.op === "Shape" && first !== undefined) {
    const shape = shapeOf(first.view);
    const from = node.attributes.get("start") ?? 0;
    const part = shape.slice(from, node.attributes.get("end"));
    return [computedTensor("int64", [part.length], part)];
  }
  if (!inputs.some(isFeatures)) {
    const known = inputs.map((value) =>
      isFeatures(value) ? undefined : value,
    );
    const result = evaluated(node, known);
    if (result !== undefined) return [result];
  }
  const laid = relaid(node, inputs);
  if (laid !== undefined) return laid;
  const read = FEATURES[node.op];
  if (read === undefined || !["", "com.microsoft"].includes(node.domain)) {
    throw new UnsupportedGraph(
      `it has the operator ${node.op}, which is not known`,
    );
  }
  return [read(node, inputs)];
}

function constantOf({ value, floats, attributes, lists }: OnnxNode): Constant {
  if (value !== undefined) {
    const { type, dims } = value;
    return computedTensor(type, dims, decoded(value));
  }
  const list = lists.get("value_ints");
  const float = floats.get("value_float");
  if (list !== undefined) return computedTensor("int64", [list.length], list);
  if (float !== undefined) return computedTensor("float32", [], [float]);
  const whole = attributes.get("value_int");
  if (whole !== undefined) return computedTensor("int64", [], [whole]);
  throw new UnsupportedGraph("a Constant is of no known kind");
}

/** Whole pixels in their order, however many dimensions come before. */
function asTokens({ layer, view }: Features): Layer {
  const [channels = [], ...before] = [...view.dims].reverse();
  const [channel, ...more] = channels;
  const fits =
    view.offset === 0 &&
    more.length === 0 &&
    (channel?.stride ?? 1) === 1 &&
    (channel?.size ?? 1) === layer.channels &&
    view.dims.length === 3 &&
    sameAtoms(before[0] ?? [], pixelAtoms(layer)) &&
    before[1]?.length === 0;
  if (!fits)
    throw new UnsupportedGraph("its output is not one row of features a token");
  return layer;
}
