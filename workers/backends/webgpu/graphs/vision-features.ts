/** Operators that compute with features: the layer that each of them is. */
import type { OnnxNode } from "../../../onnx/onnx";
import { attended, multiHead, scores, softmax } from "./vision-attention";
import {
  averagePool,
  batchNorm,
  constantOf,
  convolution,
  pixelMean,
} from "./vision-convolution";
import { combined, unary } from "./vision-elementwise";
import { erf, gelu, relu, sigmoid, tanhGelu } from "./vision-functions";
import { blocks, gemm, linear } from "./vision-linear";
import { layerNorm, mean } from "./vision-norms";
import { isFeatures, type Features, type Value } from "./vision-value";
import { onlyNumber } from "./vision-tensor";
import { UnsupportedGraph } from "./weight";

type Inputs = readonly (Value | undefined)[];

export type Read = (node: OnnxNode, inputs: Inputs) => Features;

/** Of functions whose name is their meaning. */
const known =
  (apply: (x: number) => number): Read =>
  (_, [x]) =>
    unary(featuresOnly(x), apply);

function readGelu(node: OnnxNode, [x]: Inputs): Features {
  const tanh = node.texts.get("approximate") === "tanh";
  return unary(featuresOnly(x), tanh ? tanhGelu : gelu);
}

/** After a bias. */
const biased =
  (apply: (x: number) => number): Read =>
  (_, [x, bias]) => {
    const input = featuresOnly(x);
    const sum = bias === undefined ? input : combined("add", input, bias);
    return unary(sum, apply);
  };

function featuresOnly(value: Value | undefined): Features {
  if (isFeatures(value)) return value;
  throw new UnsupportedGraph(
    "an operator has a constant where features should be",
  );
}

const two =
  (op: "add" | "sub" | "mul" | "div"): Read =>
  (_, [a, b]) => {
    if (a === undefined || b === undefined) {
      throw new UnsupportedGraph("a sum or product has one input");
    }
    return combined(op, a, b);
  };

export const FEATURES: Readonly<Record<string, Read>> = {
  Conv: convolution,
  AveragePool: averagePool,
  GlobalAveragePool: pixelMean,
  ReduceMean: mean,
  BatchNormalization: batchNorm,
  LayerNormalization: layerNorm,
  Gemm: gemm,
  MatMulNBits: blocks,
  MultiHeadAttention: multiHead,
  MatMul: (_, [a, b]) => {
    if (!isFeatures(b)) return linear(featuresOnly(a), b);
    const left = featuresOnly(a);
    return left.layer.kind === "softmax" ? attended(left, b) : scores(left, b);
  },
  Softmax: (node, [x]) => softmax(node, featuresOnly(x)),
  Add: two("add"),
  Sub: two("sub"),
  Mul: two("mul"),
  Div: two("div"),
  Pow: (_, [x, power]) => {
    const by = onlyNumber(constantOf(power));
    return unary(featuresOnly(x), (n) => n ** by);
  },
  Sqrt: known(Math.sqrt),
  Erf: known(erf),
  Tanh: known(Math.tanh),
  Sigmoid: known(sigmoid),
  Relu: known(relu),
  Reciprocal: known((x) => 1 / x),
  Neg: known((x) => -x),
  Gelu: readGelu,
  BiasGelu: biased(gelu),
  FastGelu: biased(tanhGelu),
};
