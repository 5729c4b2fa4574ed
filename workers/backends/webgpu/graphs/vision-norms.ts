/** Means and what is made of them. */
import type { OnnxNode } from "../../../onnx/onnx";
import { constantOf, vectorOf } from "./vision-convolution";
import { isAllChannels, sizeOnly } from "./vision-elementwise";
import { pixelAtoms, type Layer } from "./vision-layers";
import { axesOf } from "./vision-layout";
import { isFeatures, type Features, type Value } from "./vision-value";
import { axisOf, joinedAtoms, sameAtoms } from "./vision-view";
import { UnsupportedGraph } from "./weight";

type Inputs = readonly (Value | undefined)[];

/** Over all pixels or all channels. */
export function mean(node: OnnxNode, [x, along]: Inputs): Features {
  if (!isFeatures(x)) throw new UnsupportedGraph("a mean is not of features");
  const { layer, view } = x;
  const given = axesOf(node, along) ?? view.dims.map((_, i) => i);
  const axes = given.map((axis) => axisOf(view, axis)).sort((a, b) => a - b);
  const atoms = joinedAtoms(axes.flatMap((axis) => view.dims[axis] ?? []));
  const keeps = (node.attributes.get("keepdims") ?? 1) !== 0;
  const overPixels = view.offset === 0 && sameAtoms(atoms, pixelAtoms(layer));
  if (!overPixels && !isAllChannels(x, atoms)) {
    throw new UnsupportedGraph(
      "a mean is over neither all pixels nor all channels",
    );
  }
  const left = view.dims.flatMap((dim, i) => {
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
  const made: Layer = { kind: "mean", over, input: layer, ...size };
  return { layer: made, view: { offset: 0, dims: left } };
}

/** Over the channels of each pixel. */
export function layerNorm(node: OnnxNode, [x, w, b]: Inputs): Features {
  if (!isFeatures(x)) throw new UnsupportedGraph("a norm is not of features");
  const { layer, view } = x;
  const axis = axisOf(view, node.attributes.get("axis") ?? -1);
  if (!isAllChannels(x, joinedAtoms(view.dims.slice(axis).flat()))) {
    throw new UnsupportedGraph("a LayerNormalization is not over the channels");
  }
  const { channels } = layer;
  const norm: Layer = {
    kind: "norm",
    input: layer,
    scale: vectorOf(constantOf(w), channels),
    shift: b === undefined ? 0 : vectorOf(constantOf(b), channels),
    epsilon: node.floats.get("epsilon") ?? 1e-5,
    ...sizeOnly(layer),
  };
  return { layer: norm, view };
}
