/** Convolutions, linear layers, pooling and norms. */
import type { OnnxNode } from "../../../onnx/onnx-protos";
import { isFloatType, tensorValues, type ConstantView } from "./graph-tensor";
import {
  sameView,
  shapeOf,
  viewSize,
  transposed,
  type StridedDim,
  type StridedView,
  axisOf,
  coalesced,
  sameDims,
} from "./strided-view";
import { applyAffine, sizeOnly, spansChannels } from "./vision-elementwise";
import {
  isFeatures,
  POINTWISE,
  requireConstant,
  requireFeatures,
  type FeatureView,
  type GraphInputs,
  type GraphValue,
  mapView,
  type VisionLayer,
  type ConvWindow,
  channelDims,
  pixelDims,
} from "./vision-layers";
import { axesOf } from "./vision-layout";
import { UnsupportedGraph } from "../../backend";

export function convOp(node: OnnxNode, [x, w, b]: GraphInputs): FeatureView {
  const input = requireMap(x);
  const weight = requireConstant(w);
  const [out = 0, within = 0, height = 0, width = 0, ...more] = shapeOf(
    weight.view,
  );
  const groups = node.attributes.get("group") ?? 1;
  if (
    more.length > 0 ||
    within * groups !== input.channels ||
    out % groups !== 0
  ) {
    throw new UnsupportedGraph(
      `weight [${shapeOf(weight.view).join()}] with ${groups} groups does not fit ${input.channels} input channels`,
    );
  }
  const bias = b === undefined ? 0 : channelVector(requireConstant(b), out);
  const window = windowOf(node, [height, width]);
  const layer: VisionLayer = {
    kind: "conv",
    input,
    terms: [{ weight, scale: 1 }],
    bias,
    groups,
    window,
    ...mapSize(input, window),
    channels: out,
  };
  return { layer, view: mapView(layer) };
}

export function averagePoolOp(node: OnnxNode, [x]: GraphInputs): FeatureView {
  const input = requireMap(x);
  const [height = 0, width = 0] = node.lists.get("kernel_shape") ?? [];
  const window = windowOf(node, [height, width]);
  const padded = window.pads.some((pad) => pad !== 0);
  if (padded || (node.attributes.get("ceil_mode") ?? 0) !== 0) {
    throw new UnsupportedGraph("pads and ceil_mode are not supported");
  }
  const size = { ...mapSize(input, window), channels: input.channels };
  const layer: VisionLayer = { kind: "pool", input, window, ...size };
  return { layer, view: mapView(layer) };
}

export function globalAveragePoolOp(
  _: OnnxNode,
  [x]: GraphInputs,
): FeatureView {
  const input = requireMap(x);
  const size = { height: 1, width: 1, channels: input.channels };
  const layer: VisionLayer = { kind: "mean", over: "pixels", input, ...size };
  return { layer, view: mapView(layer) };
}

/** Batch normalisation at inference: a scale and a shift per channel. */
export function batchNormOp(
  node: OnnxNode,
  [x, weight, bias, mean, variance]: GraphInputs,
): FeatureView {
  const input = requireMap(x);
  if ((node.attributes.get("training_mode") ?? 0) !== 0) {
    throw new UnsupportedGraph("training_mode is not supported");
  }
  const epsilon = node.floats.get("epsilon") ?? 1e-5;
  const vector = (value: GraphValue | undefined) =>
    channelVector(requireConstant(value), input.channels);
  const [gamma, beta] = [vector(weight), vector(bias)];
  const [means, variances] = [vector(mean), vector(variance)];
  const scale = gamma.map(
    (n, i) => n / Math.sqrt((variances[i] ?? NaN) + epsilon),
  );
  const shift = beta.map((n, i) => n - (means[i] ?? NaN) * (scale[i] ?? NaN));
  return applyAffine({ layer: input, view: mapView(input) }, scale, shift);
}

/** The layer behind a complete view [1, channels, height, width]. */
function requireMap(value: GraphValue | undefined): VisionLayer {
  if (!isFeatures(value) || !sameView(value.view, mapView(value.layer))) {
    throw new UnsupportedGraph(
      "the input is not a feature map [1, channels, height, width]",
    );
  }
  return value.layer;
}

export function channelVector(
  value: ConstantView,
  count: number,
): Float64Array {
  const { numbers } = tensorValues(value);
  if (numbers.length === count) return numbers;
  throw new UnsupportedGraph(
    `${value.tensor.name} has ${numbers.length} elements, not one for each of ${count} channels`,
  );
}

function windowOf(
  node: OnnxNode,
  kernel: readonly [number, number],
): ConvWindow {
  const { lists, texts } = node;
  const auto = texts.get("auto_pad") ?? "NOTSET";
  const dilated = (lists.get("dilations") ?? []).some((step) => step !== 1);
  if (dilated || !["NOTSET", "VALID"].includes(auto)) {
    throw new UnsupportedGraph("dilations and auto_pad SAME are not supported");
  }
  const declared = lists.get("kernel_shape");
  if (declared !== undefined && declared.join() !== kernel.join()) {
    throw new UnsupportedGraph(
      `kernel_shape [${declared.join()}] does not match the weight [${kernel.join()}]`,
    );
  }
  const [down = 1, right = 1] = lists.get("strides") ?? [];
  const [top = 0, left = 0, bottom = 0, end = 0] =
    (auto === "VALID" ? undefined : lists.get("pads")) ?? [];
  return { kernel, strides: [down, right], pads: [top, left, bottom, end] };
}

function mapSize(input: VisionLayer, { kernel, strides, pads }: ConvWindow) {
  const [top, left, bottom, right] = pads;
  const along = (size: number, pad: number, i: 0 | 1) =>
    Math.floor((size + pad - kernel[i]) / strides[i]) + 1;
  const height = along(input.height, top + bottom, 0);
  const width = along(input.width, left + right, 1);
  if (height < 1 || width < 1)
    throw new UnsupportedGraph(
      `a map of ${input.height} x ${input.width} pixels is smaller than the window`,
    );
  return { ...sizeOnly(input), height, width };
}

/** x W as a 1x1 convolution. */
export function matMulOp(
  x: FeatureView,
  w: GraphValue | undefined,
): FeatureView {
  const weight = requireConstant(w);
  const rank = weight.view.dims.length;
  const outer = weight.view.dims.slice(0, -2);
  if (rank < 2 || outer.some((dim) => dim.length > 0)) {
    throw new UnsupportedGraph(
      `weight [${shapeOf(weight.view).join()}] is not one matrix`,
    );
  }
  const matrix = { ...weight.view, dims: weight.view.dims.slice(-2) };
  return linearLayer(x, weight, transposed(matrix, [1, 0]), 0);
}

export function gemmOp(node: OnnxNode, [x, w, b]: GraphInputs): FeatureView {
  const { attributes, floats } = node;
  const scaled = ["alpha", "beta"].some(
    (name) => (floats.get(name) ?? 1) !== 1,
  );
  if (!isFeatures(x) || scaled || (attributes.get("transA") ?? 0) !== 0) {
    throw new UnsupportedGraph("alpha, beta and transA are not supported");
  }
  const weight = requireConstant(w);
  const turned = (attributes.get("transB") ?? 0) !== 0;
  const view = turned ? weight.view : transposed(weight.view, [1, 0]);
  const [out = 0] = shapeOf(view);
  const bias = b === undefined ? 0 : channelVector(requireConstant(b), out);
  return linearLayer(x, weight, view, bias);
}

/** `matrix` is [out, in]. */
function linearLayer(
  x: FeatureView,
  { tensor }: ConstantView,
  matrix: StridedView,
  bias: number | Float64Array,
): FeatureView {
  const [out = 0, within = 0] = shapeOf(matrix);
  const view = { ...matrix, dims: [...matrix.dims, [], []] };
  if (within !== x.layer.channels) {
    throw new UnsupportedGraph(
      `the weight takes ${within} input features, not ${x.layer.channels}`,
    );
  }
  const layer: VisionLayer = {
    kind: "conv",
    input: x.layer,
    terms: [{ weight: { tensor, view }, scale: 1 }],
    bias,
    groups: 1,
    window: POINTWISE,
    ...sizeOnly(x.layer),
    channels: out,
  };
  return { layer, view: mixedView(x, layer) };
}

/** com.microsoft.MatMulNBits */
export function matMulNBitsOp(
  node: OnnxNode,
  inputs: GraphInputs,
): FeatureView {
  const [x, packed, scales, zeros, order, bias] = inputs;
  const { attributes } = node;
  const out = attributes.get("N");
  if (out === undefined) throw new UnsupportedGraph("N is missing");
  if (!isFeatures(x) || order !== undefined) {
    throw new UnsupportedGraph("g_idx is not supported");
  }
  if (attributes.get("K") !== x.layer.channels) {
    throw new UnsupportedGraph(
      `K is ${attributes.get("K")}, not ${x.layer.channels}`,
    );
  }
  const { tensor: scale } = requireConstant(scales);
  if (!isFloatType(scale.type)) {
    throw new UnsupportedGraph(
      `scales of type ${scale.type} are not supported`,
    );
  }
  const layer: VisionLayer = {
    kind: "quantized",
    input: x.layer,
    packed: requireConstant(packed).tensor,
    scales: scale,
    ...(zeros && { zeros: requireConstant(zeros).tensor }),
    bits: attributes.get("bits") ?? 4,
    blockSize: attributes.get("block_size") ?? 32,
    accuracy: attributes.get("accuracy_level") ?? 0,
    scale: 1,
    bias: bias === undefined ? 0 : channelVector(requireConstant(bias), out),
    ...sizeOnly(x.layer),
    channels: out,
  };
  return { layer, view: mixedView(x, layer) };
}

/** The view of `x` with its channels replaced by those of `layer`. */
function mixedView(x: FeatureView, layer: VisionLayer): StridedView {
  const [last = [], ...before] = [...x.view.dims].reverse();
  const { channels } = x.layer;
  const pixels = before.reverse().map((dim) =>
    dim.map(({ size, stride }: StridedDim) => {
      if (stride % channels !== 0) throw partialChannels();
      return { size, stride: (stride / channels) * layer.channels };
    }),
  );
  const whole = viewSize(x.view) === layer.height * layer.width * channels;
  if (!spansChannels(x, last) || !whole) throw partialChannels();
  return { offset: 0, dims: [...pixels, channelDims(layer)] };
}

const partialChannels = () =>
  new UnsupportedGraph("the input is not all channels of each pixel");

/** ReduceMean over all pixels or all channels. */
export function reduceMeanOp(
  node: OnnxNode,
  [x, along]: GraphInputs,
): FeatureView {
  const features = requireFeatures(x);
  const { layer, view } = features;
  const given = axesOf(node, along) ?? view.dims.map((_, i) => i);
  const axes = given.map((axis) => axisOf(view, axis)).sort((a, b) => a - b);
  const atoms = coalesced(axes.flatMap((axis) => view.dims[axis] ?? []));
  const keeps = (node.attributes.get("keepdims") ?? 1) !== 0;
  const overPixels = view.offset === 0 && sameDims(atoms, pixelDims(layer));
  if (!overPixels && !spansChannels(features, atoms)) {
    throw new UnsupportedGraph(
      `axes [${axes.join()}] of [${shapeOf(view).join()}] are neither all pixels nor all channels`,
    );
  }
  const remaining = view.dims.flatMap((dim, i) => {
    if (axes.includes(i)) return keeps ? [[]] : [];
    if (overPixels) return [dim];
    const { channels } = layer;
    return [
      dim.map(({ size, stride }) => ({ size, stride: stride / channels })),
    ];
  });
  const size = overPixels
    ? { height: 1, width: 1, channels: layer.channels }
    : { ...sizeOnly(layer), channels: 1 };
  const over = overPixels ? "pixels" : "channels";
  const result: VisionLayer = { kind: "mean", over, input: layer, ...size };
  return { layer: result, view: { offset: 0, dims: remaining } };
}

/** LayerNormalization over the channels of each pixel. */
export function layerNormOp(
  node: OnnxNode,
  [x, w, b]: GraphInputs,
): FeatureView {
  const features = requireFeatures(x);
  const { layer, view } = features;
  const axis = axisOf(view, node.attributes.get("axis") ?? -1);
  if (!spansChannels(features, coalesced(view.dims.slice(axis).flat()))) {
    throw new UnsupportedGraph(
      `axis ${axis} of [${shapeOf(view).join()}] is not the channels`,
    );
  }
  const { channels } = layer;
  const norm: VisionLayer = {
    kind: "norm",
    input: layer,
    scale: channelVector(requireConstant(w), channels),
    shift: b === undefined ? 0 : channelVector(requireConstant(b), channels),
    epsilon: node.floats.get("epsilon") ?? 1e-5,
    ...sizeOnly(layer),
  };
  return { layer: norm, view };
}
