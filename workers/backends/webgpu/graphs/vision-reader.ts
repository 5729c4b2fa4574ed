import type { OnnxGraph } from "../../../onnx/onnx-reader";
import type { OnnxNode, ValueInfo } from "../../../onnx/onnx-protos";
import { foldConstant } from "./constant-folding";
import {
  computedConstant,
  constantView,
  decodeTensor,
  type ConstantView,
  type GraphTensor,
  scalarValue,
} from "./graph-tensor";
import { erf, gelu, relu, sigmoid, tanhGelu } from "./scalar-functions";
import { sameDims, shapeOf, transposed } from "./strided-view";
import {
  attentionOp,
  attentionOutputOp,
  multiHeadAttentionOp,
  attentionScoresOp,
  softmaxOp,
} from "./vision-attention";
import { applyAffine, applyBinary, applyUnary } from "./vision-elementwise";
import {
  isFeatures,
  requireConstant,
  requireFeatures,
  type FeatureView,
  type GraphInputs,
  type GraphValue,
  mapView,
  pixelDims,
  type VisionLayer,
} from "./vision-layers";
import { applyLayoutOp } from "./vision-layout";
import {
  layerNormOp,
  reduceMeanOp,
  matMulNBitsOp,
  gemmOp,
  matMulOp,
  averagePoolOp,
  batchNormOp,
  convOp,
  globalAveragePoolOp,
} from "./vision-linear";
import { UnsupportedGraph } from "../../backend";

interface GraphEnds {
  readonly input: string;
  readonly output: string;
}

/** The input, and the output of the features, of which the name matters only if
 * there are others. */
function endsOf({ inputs, outputs }: OnnxGraph): GraphEnds {
  const [input, ...more] = inputs;
  const [first, ...others] = outputs;
  const output =
    others.length === 0
      ? first
      : outputs.find(({ name }) => name === "image_features");
  if (input === undefined || output === undefined || more.length > 0) {
    throw new UnsupportedGraph(
      `the encoder has the inputs ${names(inputs)} and the outputs ${names(outputs)}, not one input and image_features`,
    );
  }
  return { input: input.name, output: output.name };
}

/** The nodes that `output` depends on. */
function nodesFor({ nodes }: OnnxGraph, output: string): OnnxNode[] {
  const needed = new Set([output]);
  const kept = [...nodes].reverse().filter(({ inputs, outputs }) => {
    const used = outputs.some((name) => needed.has(name));
    if (used) for (const name of inputs) needed.add(name);
    return used;
  });
  return kept.reverse();
}

/**
 * Reads a published encoder as layers for square images of `inputSize` pixels and
 * returns the layer of its features. Nodes are evaluated symbolically in graph
 * order: constants are folded, layout operators change views, and all others
 * become layers. The input size is known, so that shapes are constants.
 */
export function readVisionLayers(
  graph: OnnxGraph,
  tensors: ReadonlyMap<string, GraphTensor>,
  inputSize: number,
): VisionLayer {
  const { input, output } = endsOf(graph);
  const values = new Map<string, GraphValue>();
  for (const [name, tensor] of tensors) values.set(name, constantView(tensor));
  values.set(input, pixelsOf(inputSize));
  for (const node of nodesFor(graph, output)) {
    const inputs = node.inputs.map((name) => {
      const value = values.get(name);
      if (name === "" || value !== undefined) return value;
      throw new UnsupportedGraph(
        `${node.op} reads ${name}, which no earlier node computes`,
      );
    });
    const results = withContext(node, () => evaluateNode(node, inputs));
    results.forEach((value, i) => {
      const name = node.outputs[i];
      if (name !== undefined) values.set(name, value);
    });
  }
  const features = values.get(output);
  if (!isFeatures(features))
    throw new UnsupportedGraph(`output ${output} does not depend on the image`);
  return asTokens(features);
}

function pixelsOf(inputSize: number): FeatureView {
  const size = { height: inputSize, width: inputSize, channels: 3 };
  const layer: VisionLayer = { kind: "pixels", ...size };
  return { layer, view: mapView(layer) };
}

const names = (values: readonly ValueInfo[]) =>
  values.map(({ name }) => name).join(", ");

/** Adds the node to the message of an `UnsupportedGraph`. */
function withContext<T>(
  { op, domain, name, outputs }: OnnxNode,
  read: () => T,
): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof UnsupportedGraph)) throw error;
    const type = domain === "" ? op : `${domain}.${op}`;
    throw new UnsupportedGraph(
      `${type} node “${name || outputs.join()}”: ${error.message}`,
    );
  }
}

function evaluateNode(
  node: OnnxNode,
  inputs: GraphInputs,
): readonly GraphValue[] {
  const [first] = inputs;
  if (node.op === "Constant") return [readConstantNode(node)];
  if (node.op === "Shape" && first !== undefined) {
    const shape = shapeOf(first.view);
    const from = node.attributes.get("start") ?? 0;
    const part = shape.slice(from, node.attributes.get("end"));
    return [computedConstant("int64", [part.length], part)];
  }
  // Our graphs compute in one type.
  if (node.op === "CastLike" && first !== undefined && isFeatures(inputs[1]))
    return [first];
  if (!inputs.some(isFeatures)) {
    const known = inputs.map((value) =>
      isFeatures(value) ? undefined : value,
    );
    const result = foldConstant(node, known);
    if (result !== undefined) return [result];
  }
  const viewed = applyLayoutOp(node, inputs);
  if (viewed !== undefined) return viewed;
  const read = FEATURE_OPS[node.op];
  if (read === undefined || !["", "com.microsoft"].includes(node.domain)) {
    throw new UnsupportedGraph("the operator is not supported");
  }
  return [read(node, inputs)];
}

function readConstantNode({
  value,
  floats,
  attributes,
  lists,
}: OnnxNode): ConstantView {
  if (value !== undefined) {
    const { type, dims } = value;
    return computedConstant(type, dims, decodeTensor(value));
  }
  const list = lists.get("value_ints");
  const float = floats.get("value_float");
  if (list !== undefined) return computedConstant("int64", [list.length], list);
  if (float !== undefined) return computedConstant("float32", [], [float]);
  const whole = attributes.get("value_int");
  if (whole !== undefined) return computedConstant("int64", [], [whole]);
  throw new UnsupportedGraph(
    "only value, value_int, value_ints and value_float are supported",
  );
}

/** The layer behind [1, tokens, channels] or [tokens, channels]. */
function asTokens({ layer, view }: FeatureView): VisionLayer {
  const [channels = [], ...before] = [...view.dims].reverse();
  const [channel, ...more] = channels;
  const fits =
    view.offset === 0 &&
    more.length === 0 &&
    (channel?.stride ?? 1) === 1 &&
    (channel?.size ?? 1) === layer.channels &&
    [2, 3].includes(view.dims.length) &&
    sameDims(before[0] ?? [], pixelDims(layer)) &&
    (before[1] ?? []).length === 0;
  if (!fits)
    throw new UnsupportedGraph(
      `the output of shape [${shapeOf(view).join()}] is not [1, tokens, channels]`,
    );
  return layer;
}

type OpReader = (node: OnnxNode, inputs: GraphInputs) => FeatureView;

/** An operator that applies a function to each element. */
const elementwise =
  (apply: (x: number) => number): OpReader =>
  (_, [x]) =>
    applyUnary(requireFeatures(x), apply);

function readGelu(node: OnnxNode, [x]: GraphInputs): FeatureView {
  const tanh = node.texts.get("approximate") === "tanh";
  return applyUnary(requireFeatures(x), tanh ? tanhGelu : gelu);
}

/** The same after an optional bias. */
const elementwiseAfterBias =
  (apply: (x: number) => number): OpReader =>
  (_, [x, bias]) => {
    const input = requireFeatures(x);
    const sum = bias === undefined ? input : applyBinary("add", input, bias);
    return applyUnary(sum, apply);
  };

const binary =
  (op: "add" | "sub" | "mul" | "div"): OpReader =>
  (_, [a, b]) => {
    if (a === undefined || b === undefined) {
      throw new UnsupportedGraph("an operand is missing");
    }
    return applyBinary(op, a, b);
  };

function matMul(
  a: GraphValue | undefined,
  b: GraphValue | undefined,
): FeatureView {
  if (!isFeatures(b)) return matMulOp(requireFeatures(a), b);
  const left = requireFeatures(a);
  return left.layer.kind === "softmax"
    ? attentionOutputOp(left, b)
    : attentionScoresOp(left, b);
}

const ACTIVATIONS: Readonly<Record<string, (x: number) => number>> = {
  Relu: relu,
  Sigmoid: sigmoid,
  Tanh: Math.tanh,
};

/** com.microsoft.FusedConv: a convolution and the activation after it. */
function fusedConv(node: OnnxNode, inputs: GraphInputs): FeatureView {
  const name = node.texts.get("activation") ?? "";
  const activation = ACTIVATIONS[name];
  if (activation === undefined || inputs.length > 3) {
    throw new UnsupportedGraph(
      `the activation “${name}” or a fourth input is not supported`,
    );
  }
  return applyUnary(convOp(node, inputs), activation);
}

/** com.microsoft.FusedMatMul: alpha · A B, either of them transposed. */
function fusedMatMul(node: OnnxNode, [a, b]: GraphInputs): FeatureView {
  const { attributes, floats } = node;
  if (["transBatchA", "transBatchB"].some((name) => attributes.get(name) === 1))
    throw new UnsupportedGraph("transposed batches are not supported");
  const turned = <T extends GraphValue>(
    value: T | undefined,
    name: string,
  ): T | undefined => {
    if (value === undefined || attributes.get(name) !== 1) return value;
    const { length } = value.view.dims;
    const order = value.view.dims.map((_, i) => i);
    order.splice(-2, 2, length - 1, length - 2);
    return { ...value, view: transposed(value.view, order) };
  };
  const product = matMul(turned(a, "transA"), turned(b, "transB"));
  const alpha = floats.get("alpha") ?? 1;
  return alpha === 1 ? product : applyAffine(product, alpha, 0);
}

/** Operators on features, by name. */
const FEATURE_OPS: Readonly<Record<string, OpReader>> = {
  Conv: convOp,
  FusedConv: fusedConv,
  AveragePool: averagePoolOp,
  GlobalAveragePool: globalAveragePoolOp,
  ReduceMean: reduceMeanOp,
  BatchNormalization: batchNormOp,
  LayerNormalization: layerNormOp,
  Gemm: gemmOp,
  MatMulNBits: matMulNBitsOp,
  MultiHeadAttention: multiHeadAttentionOp,
  Attention: attentionOp,
  MatMul: (_, [a, b]) => matMul(a, b),
  FusedMatMul: fusedMatMul,
  Softmax: (node, [x]) => softmaxOp(node, requireFeatures(x)),
  Add: binary("add"),
  Sub: binary("sub"),
  Mul: binary("mul"),
  Div: binary("div"),
  Pow: (_, [x, power]) => {
    const by = scalarValue(requireConstant(power));
    return applyUnary(requireFeatures(x), (n) => n ** by);
  },
  Sqrt: elementwise(Math.sqrt),
  Erf: elementwise(erf),
  Tanh: elementwise(Math.tanh),
  Sigmoid: elementwise(sigmoid),
  Relu: elementwise(relu),
  Reciprocal: elementwise((x) => 1 / x),
  Neg: elementwise((x) => -x),
  Gelu: readGelu,
  BiasGelu: elementwiseAfterBias(gelu),
  FastGelu: elementwiseAfterBias(tanhGelu),
};
