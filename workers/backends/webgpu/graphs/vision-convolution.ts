/** Operators over the pixels of a map. */
import type { OnnxNode } from "../../../onnx/onnx";
import { affine, sizeOnly } from "./vision-elementwise";
import { mapView, type Layer, type Window } from "./vision-layers";
import { isFeatures, type Features, type Value } from "./vision-value";
import { numbersOf, type Constant } from "./vision-tensor";
import { sameView, shapeOf } from "./vision-view";
import { UnsupportedGraph } from "./weight";

type Inputs = readonly (Value | undefined)[];

export function convolution(node: OnnxNode, [x, w, b]: Inputs): Features {
  const input = mapOf(x);
  const weight = constantOf(w);
  const [out = 0, within = 0, height = 0, width = 0, ...more] = shapeOf(
    weight.view,
  );
  const groups = node.attributes.get("group") ?? 1;
  if (
    more.length > 0 ||
    within * groups !== input.channels ||
    out % groups !== 0
  ) {
    throw new UnsupportedGraph("a Conv is not over the channels of its input");
  }
  const bias = b === undefined ? 0 : vectorOf(constantOf(b), out);
  const window = windowOf(node, [height, width]);
  const layer: Layer = {
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

export function averagePool(node: OnnxNode, [x]: Inputs): Features {
  const input = mapOf(x);
  const [height = 0, width = 0] = node.lists.get("kernel_shape") ?? [];
  const window = windowOf(node, [height, width]);
  const uneven = window.pads.some((pad) => pad !== 0);
  if (uneven || (node.attributes.get("ceil_mode") ?? 0) !== 0) {
    throw new UnsupportedGraph("an AveragePool goes beyond its input");
  }
  const size = { ...mapSize(input, window), channels: input.channels };
  const layer: Layer = { kind: "pool", input, window, ...size };
  return { layer, view: mapView(layer) };
}

export function pixelMean(_: OnnxNode, [x]: Inputs): Features {
  const input = mapOf(x);
  const size = { height: 1, width: 1, channels: input.channels };
  const layer: Layer = { kind: "mean", over: "pixels", input, ...size };
  return { layer, view: mapView(layer) };
}

/** As it is after training: a scale and a shift for each channel. */
export function batchNorm(node: OnnxNode, [x, ...parts]: Inputs): Features {
  const input = mapOf(x);
  if ((node.attributes.get("training_mode") ?? 0) !== 0) {
    throw new UnsupportedGraph("a BatchNormalization is as in training");
  }
  const epsilon = node.floats.get("epsilon") ?? 1e-5;
  const vectors = [0, 1, 2, 3].map((i) =>
    vectorOf(constantOf(parts[i]), input.channels),
  );
  const [gamma, beta, mean, variance] = vectors;
  const scale = new Float64Array(input.channels);
  const shift = scale.map((_, i) => {
    const by = (gamma?.[i] ?? 1) / Math.sqrt((variance?.[i] ?? 1) + epsilon);
    scale[i] = by;
    return (beta?.[i] ?? 0) - (mean?.[i] ?? 0) * by;
  });
  return affine({ layer: input, view: mapView(input) }, scale, shift);
}

/** The layer that a value shows whole, as [1, channels, height, width]. */
function mapOf(value: Value | undefined): Layer {
  if (!isFeatures(value) || !sameView(value.view, mapView(value.layer))) {
    throw new UnsupportedGraph(
      "an operator over pixels is not given a map of them",
    );
  }
  return value.layer;
}

export function constantOf(value: Value | undefined): Constant {
  if (value !== undefined && !isFeatures(value)) return value;
  throw new UnsupportedGraph(
    "a weight is missing or is computed of the picture",
  );
}

export function vectorOf(value: Constant, count: number): Float64Array {
  const { numbers } = numbersOf(value);
  if (numbers.length === count) return numbers;
  throw new UnsupportedGraph(
    `${value.tensor.name} is not one number a channel`,
  );
}

function windowOf(node: OnnxNode, kernel: readonly [number, number]): Window {
  const { lists, texts } = node;
  const auto = texts.get("auto_pad") ?? "NOTSET";
  const dilated = (lists.get("dilations") ?? []).some((step) => step !== 1);
  if (dilated || !["NOTSET", "VALID"].includes(auto)) {
    throw new UnsupportedGraph(`a ${node.op} has dilations or automatic pads`);
  }
  const declared = lists.get("kernel_shape");
  if (declared !== undefined && declared.join() !== kernel.join()) {
    throw new UnsupportedGraph(`a ${node.op} is not over two dimensions`);
  }
  const [down = 1, right = 1] = lists.get("strides") ?? [];
  const [top = 0, left = 0, bottom = 0, end = 0] =
    (auto === "VALID" ? undefined : lists.get("pads")) ?? [];
  return { kernel, strides: [down, right], pads: [top, left, bottom, end] };
}

function mapSize(input: Layer, { kernel, strides, pads }: Window) {
  const [top, left, bottom, right] = pads;
  const along = (size: number, pad: number, i: 0 | 1) =>
    Math.floor((size + pad - kernel[i]) / strides[i]) + 1;
  const height = along(input.height, top + bottom, 0);
  const width = along(input.width, left + right, 1);
  if (height < 1 || width < 1)
    throw new UnsupportedGraph("a picture is too small for it");
  return { ...sizeOnly(input), height, width };
}
