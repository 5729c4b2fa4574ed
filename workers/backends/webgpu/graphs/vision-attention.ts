/** Attention, as one operator or spelled out. */
import type { OnnxNode } from "../../../onnx/onnx";
import { constantOf, vectorOf } from "./vision-convolution";
import { affine, isAllChannels, sizeOnly } from "./vision-elementwise";
import {
  headsOf,
  pixelAtoms,
  tokenView,
  type Heads,
  type Layer,
} from "./vision-layers";
import { isFeatures, type Features, type Value } from "./vision-value";
import {
  axisOf,
  joinedAtoms,
  reshaped,
  transposed,
  type View,
} from "./vision-view";
import { UnsupportedGraph } from "./weight";

type Inputs = readonly (Value | undefined)[];

/** Q Kᵀ: each head's as rows of a map. */
export function scores(query: Features, key: Value | undefined): Features {
  if (!isFeatures(key))
    throw new UnsupportedGraph("attention has constant keys");
  const { dims } = key.view;
  const order = dims.map((_, i) => i);
  order.splice(-2, 2, dims.length - 1, dims.length - 2);
  const q = headsOf(query.layer, query.view);
  const k = headsOf(key.layer, transposed(key.view, order));
  const tokens = query.layer.height * query.layer.width;
  const size = { height: q.heads, width: tokens, channels: tokens };
  const layer: Layer = { kind: "scores", query: q, key: k, ...size };
  const rows = joinedAtoms([{ size: tokens, stride: tokens }]);
  const columns = joinedAtoms([{ size: tokens, stride: 1 }]);
  const outer = splitHeads(query.view, q.heads, tokens * tokens);
  return { layer, view: { offset: 0, dims: [...outer, rows, columns] } };
}

/** The dimensions before the last two, which hold the heads. */
function splitHeads(view: View, heads: number, stride: number): View["dims"] {
  return view.dims
    .slice(0, -2)
    .map((dim) => (dim.length === 0 ? [] : [{ size: heads, stride }]));
}

/** Of the keys, for each query. */
export function softmax(node: OnnxNode, x: Features): Features {
  const { layer, view } = x;
  const axis = axisOf(view, node.attributes.get("axis") ?? -1);
  if (
    axis !== view.dims.length - 1 ||
    !isAllChannels(x, view.dims[axis] ?? [])
  ) {
    throw new UnsupportedGraph("a Softmax is not over the keys of attention");
  }
  const made: Layer = { kind: "softmax", input: layer, ...sizeOnly(layer) };
  return { layer: made, view };
}

/** softmax(scale · Q Kᵀ) V */
export function attended(
  weights: Features,
  values: Value | undefined,
): Features {
  if (!isFeatures(values))
    throw new UnsupportedGraph("attention has constant values");
  const { scores: from, scale } = scaledScores(weights.layer);
  const value = headsOf(values.layer, values.view);
  const { query, key } = from;
  return attentionOf(query, key, value, scale, weights.view);
}

function scaledScores(layer: Layer) {
  let scale = 1;
  let at = layer.kind === "softmax" ? layer.input : layer;
  while (at.kind === "affine") {
    if (typeof at.scale !== "number" || at.shift !== 0) break;
    scale *= at.scale;
    at = at.input;
  }
  if (at.kind !== "scores") {
    throw new UnsupportedGraph(
      "attention has a mask or a bias, or none of its parts",
    );
  }
  return { scores: at, scale };
}

function attentionOf(
  query: Heads,
  key: Heads,
  value: Heads,
  scale: number,
  view: View,
): Features {
  const { heads, width } = query;
  const same = [key, value].every(
    (other) =>
      other.heads === heads &&
      other.width === width &&
      other.layer.height * other.layer.width ===
        query.layer.height * query.layer.width,
  );
  if (!same)
    throw new UnsupportedGraph(
      "queries, keys and values differ in their heads",
    );
  const size = { ...sizeOnly(query.layer), channels: heads * width };
  const layer: Layer = { kind: "attention", query, key, value, scale, ...size };
  const outer = splitHeads(view, heads, width);
  const columns = joinedAtoms([{ size: width, stride: 1 }]);
  const dims = [...outer, pixelAtoms(layer), columns];
  return { layer, view: { offset: 0, dims } };
}

/** com.microsoft.MultiHeadAttention of queries, keys and values by themselves. */
export function multiHead(node: OnnxNode, inputs: Inputs): Features {
  const [q, k, v, bias, ...more] = inputs;
  if (more.some((input) => input !== undefined)) {
    throw new UnsupportedGraph("attention has a mask, a bias or a past");
  }
  const heads = node.attributes.get("num_heads") ?? 1;
  let first = 0;
  const parts = [q, k, v].map((value) => {
    if (!isFeatures(value))
      throw new UnsupportedGraph("attention has its parts packed");
    const width = value.view.dims.at(-1)?.[0]?.size ?? 1;
    const biased = withBias(value, bias, first, width);
    first += width;
    const [, tokens = 1] = value.view.dims.map((dim) =>
      dim.reduce((all, { size }) => all * size, 1),
    );
    const split = reshaped(biased.view, [1, tokens, heads, -1]);
    return headsOf(biased.layer, transposed(split, [0, 2, 1, 3]));
  });
  const [query, key, value] = parts;
  if (query === undefined || key === undefined || value === undefined) {
    throw new UnsupportedGraph("attention lacks a part");
  }
  const scale = node.floats.get("scale") ?? 0;
  const by = scale === 0 ? 1 / Math.sqrt(query.width) : scale;
  const { layer } = attentionOf(query, key, value, by, { offset: 0, dims: [] });
  return { layer, view: tokenView(layer) };
}

/** The part of the bias that belongs to queries, keys or values. */
function withBias(
  x: Features,
  bias: Value | undefined,
  first: number,
  width: number,
): Features {
  if (bias === undefined) return x;
  const constant = constantOf(bias);
  const total = constant.view.dims[0]?.[0]?.size ?? 0;
  const all = vectorOf(constant, total);
  const { channels } = x.layer;
  const shift = new Float64Array(channels);
  shift.set(all.subarray(first, first + width), x.view.offset % channels);
  return affine(x, 1, shift);
}
