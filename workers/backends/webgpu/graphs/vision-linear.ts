/** Operators that mix the channels of each pixel: 1x1 convolutions. */
import type { OnnxNode } from "../../../onnx/onnx";
import { constantOf, vectorOf } from "./vision-convolution";
import { isAllChannels, sizeOnly } from "./vision-elementwise";
import { channelAtoms, type Layer } from "./vision-layers";
import { isFeatures, type Features, type Value } from "./vision-value";
import type { Constant } from "./vision-tensor";
import {
  countOf,
  shapeOf,
  transposed,
  type Atom,
  type View,
} from "./vision-view";
import { UnsupportedGraph } from "./weight";

type Inputs = readonly (Value | undefined)[];

const POINT = { kernel: [1, 1], strides: [1, 1], pads: [0, 0, 0, 0] } as const;

/** x W, x with its channels last. */
export function linear(x: Features, w: Value | undefined): Features {
  const weight = constantOf(w);
  const rank = weight.view.dims.length;
  const outer = weight.view.dims.slice(0, -2);
  if (rank < 2 || outer.some((dim) => dim.length > 0)) {
    throw new UnsupportedGraph("a MatMul is not with one matrix");
  }
  const matrix = { ...weight.view, dims: weight.view.dims.slice(-2) };
  return product(x, weight, transposed(matrix, [1, 0]), 0);
}

export function gemm(node: OnnxNode, [x, w, b]: Inputs): Features {
  const { attributes, floats } = node;
  const scaled = ["alpha", "beta"].some(
    (name) => (floats.get(name) ?? 1) !== 1,
  );
  if (!isFeatures(x) || scaled || (attributes.get("transA") ?? 0) !== 0) {
    throw new UnsupportedGraph("a Gemm is more than a linear layer");
  }
  const weight = constantOf(w);
  const turned = (attributes.get("transB") ?? 0) !== 0;
  const view = turned ? weight.view : transposed(weight.view, [1, 0]);
  const [out = 0] = shapeOf(view);
  const bias = b === undefined ? 0 : vectorOf(constantOf(b), out);
  return product(x, weight, view, bias);
}

/** `matrix` is [out, in]. */
function product(
  x: Features,
  { tensor }: Constant,
  matrix: View,
  bias: number | Float64Array,
): Features {
  const [out = 0, within = 0] = shapeOf(matrix);
  const view = { ...matrix, dims: [...matrix.dims, [], []] };
  if (within !== x.layer.channels) {
    throw new UnsupportedGraph(
      "a MatMul is not over the channels of its input",
    );
  }
  const layer: Layer = {
    kind: "conv",
    input: x.layer,
    terms: [{ weight: { tensor, view }, scale: 1 }],
    bias,
    groups: 1,
    window: POINT,
    ...sizeOnly(x.layer),
    channels: out,
  };
  return { layer, view: afterMixing(x, layer) };
}

/** com.microsoft.MatMulNBits */
export function blocks(node: OnnxNode, inputs: Inputs): Features {
  const [x, packed, scales, zeros, order, bias] = inputs;
  const { attributes } = node;
  const out = attributes.get("N") ?? 0;
  if (!isFeatures(x) || order !== undefined) {
    throw new UnsupportedGraph(
      "a MatMulNBits has its channels in another order",
    );
  }
  if (attributes.get("K") !== x.layer.channels) {
    throw new UnsupportedGraph(
      "a MatMulNBits is not over the channels of its input",
    );
  }
  const { tensor: scale } = constantOf(scales);
  if (!["float32", "float16"].includes(scale.type)) {
    throw new UnsupportedGraph("a MatMulNBits has scales of another type");
  }
  const layer: Layer = {
    kind: "blocks",
    input: x.layer,
    packed: constantOf(packed).tensor,
    scales: scale,
    ...(zeros && { zeros: constantOf(zeros).tensor }),
    bits: attributes.get("bits") ?? 4,
    size: attributes.get("block_size") ?? 32,
    accuracy: attributes.get("accuracy_level") ?? 0,
    scale: 1,
    bias: bias === undefined ? 0 : vectorOf(constantOf(bias), out),
    ...sizeOnly(x.layer),
    channels: out,
  };
  return { layer, view: afterMixing(x, layer) };
}

/** The same pixels, with the channels of `layer`. */
function afterMixing(x: Features, layer: Layer): View {
  const [last = [], ...before] = [...x.view.dims].reverse();
  const { channels } = x.layer;
  const pixels = before.reverse().map((dim) =>
    dim.map(({ size, stride }: Atom) => {
      if (stride % channels !== 0) throw scattered();
      return { size, stride: (stride / channels) * layer.channels };
    }),
  );
  const whole = countOf(x.view) === layer.height * layer.width * channels;
  if (!isAllChannels(x, last) || !whole) throw scattered();
  return { offset: 0, dims: [...pixels, channelAtoms(layer)] };
}

const scattered = () =>
  new UnsupportedGraph("a MatMul does not take all channels of each pixel");
