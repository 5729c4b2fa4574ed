/** Attention, as one operator or decomposed into MatMul, Softmax and MatMul. */
import type { OnnxNode } from "../../../onnx/onnx-protos";
import { channelVector } from "./vision-linear";
import { applyAffine, spansChannels, sizeOnly } from "./vision-elementwise";
import {
  headsOf,
  pixelDims,
  tokenView,
  type HeadRange,
  type VisionLayer,
  isFeatures,
  requireConstant,
  requireFeatures,
  type FeatureView,
  type GraphInputs,
  type GraphValue,
} from "./vision-layers";
import {
  axisOf,
  coalesced,
  reshaped,
  transposed,
  type StridedView,
  shapeOf,
} from "./strided-view";
import { UnsupportedGraph } from "../../backend";

/** Q Kᵀ, as a map with one row per head. */
export function attentionScoresOp(
  query: FeatureView,
  key: FeatureView,
): FeatureView {
  const { dims } = key.view;
  const order = dims.map((_, i) => i);
  order.splice(-2, 2, dims.length - 1, dims.length - 2);
  const q = headsOf(query.layer, query.view);
  const k = headsOf(key.layer, transposed(key.view, order));
  const tokens = query.layer.height * query.layer.width;
  const size = { height: q.heads, width: tokens, channels: tokens };
  const layer: VisionLayer = { kind: "scores", query: q, key: k, ...size };
  const rows = coalesced([{ size: tokens, stride: tokens }]);
  const columns = coalesced([{ size: tokens, stride: 1 }]);
  const outer = splitHeads(query.view, q.heads, tokens * tokens);
  return { layer, view: { offset: 0, dims: [...outer, rows, columns] } };
}

/** The leading dimensions, one of which holds the heads. */
function splitHeads(
  view: StridedView,
  heads: number,
  stride: number,
): StridedView["dims"] {
  return view.dims
    .slice(0, -2)
    .map((dim) => (dim.length === 0 ? [] : [{ size: heads, stride }]));
}

/** Softmax over the keys of each query. */
export function softmaxOp(node: OnnxNode, x: FeatureView): FeatureView {
  const { layer, view } = x;
  const axis = axisOf(view, node.attributes.get("axis") ?? -1);
  if (
    axis !== view.dims.length - 1 ||
    !spansChannels(x, view.dims[axis] ?? [])
  ) {
    throw new UnsupportedGraph(
      `Softmax along axis ${axis} of [${shapeOf(view).join()}] is not over the keys of attention`,
    );
  }
  const result: VisionLayer = {
    kind: "softmax",
    input: layer,
    ...sizeOnly(layer),
  };
  return { layer: result, view };
}

/** softmax(scale · Q Kᵀ) V */
export function attentionOutputOp(
  weights: FeatureView,
  values: FeatureView,
): FeatureView {
  const { scores: from, scale } = scaledScores(weights.layer);
  const value = headsOf(values.layer, values.view);
  const { query, key } = from;
  return attentionOf(query, key, value, scale, weights.view);
}

function scaledScores(layer: VisionLayer) {
  let scale = 1;
  let at = layer.kind === "softmax" ? layer.input : layer;
  while (at.kind === "affine") {
    if (typeof at.scale !== "number" || at.shift !== 0) break;
    scale *= at.scale;
    at = at.input;
  }
  if (at.kind !== "scores") {
    throw new UnsupportedGraph(
      "attention is not softmax(scale · Q Kᵀ) V without a mask",
    );
  }
  return { scores: at, scale };
}

function attentionOf(
  query: HeadRange,
  key: HeadRange,
  value: HeadRange,
  scale: number,
  view: StridedView,
): FeatureView {
  const { heads, width } = query;
  const matches = [key, value].every(
    (other) =>
      other.heads === heads &&
      other.width === width &&
      other.layer.height * other.layer.width ===
        query.layer.height * query.layer.width,
  );
  if (!matches)
    throw new UnsupportedGraph(
      "queries, keys and values differ in heads or tokens",
    );
  const size = { ...sizeOnly(query.layer), channels: heads * width };
  const layer: VisionLayer = {
    kind: "attention",
    query,
    key,
    value,
    scale,
    ...size,
  };
  const outer = splitHeads(view, heads, width);
  const columns = coalesced([{ size: width, stride: 1 }]);
  const dims = [...outer, pixelDims(layer), columns];
  return { layer, view: { offset: 0, dims } };
}

/** Attention of opset 23 on [1, heads, tokens, width]. */
export function attentionOp(node: OnnxNode, inputs: GraphInputs): FeatureView {
  const [q, k, v, ...more] = inputs;
  const { domain, attributes, floats } = node;
  if (domain !== "" || more.some((input) => input !== undefined)) {
    throw new UnsupportedGraph(
      "a mask or a KV cache is not supported, nor another Attention than that of opset 23",
    );
  }
  const [query, key, value] = [q, k, v].map(requireFeatures) as [
    FeatureView,
    FeatureView,
    FeatureView,
  ];
  const masked = attributes.get("is_causal") === 1;
  if (masked || (floats.get("softcap") ?? 0) !== 0) {
    throw new UnsupportedGraph("is_causal and softcap are not supported");
  }
  if (query.view.dims.length !== 4) {
    throw new UnsupportedGraph(
      `queries of shape [${shapeOf(query.view).join()}] are not [1, heads, tokens, width]`,
    );
  }
  const heads = headsOf(query.layer, query.view);
  const scale = floats.get("scale") ?? 1 / Math.sqrt(heads.width);
  return attentionOf(
    heads,
    headsOf(key.layer, key.view),
    headsOf(value.layer, value.view),
    scale,
    query.view,
  );
}

/** com.microsoft.MultiHeadAttention with separate queries, keys and values. */
export function multiHeadAttentionOp(
  node: OnnxNode,
  inputs: GraphInputs,
): FeatureView {
  const [q, k, v, bias, ...more] = inputs;
  if (more.some((input) => input !== undefined)) {
    throw new UnsupportedGraph(
      "a mask, an attention bias or a KV cache is not supported",
    );
  }
  const heads = node.attributes.get("num_heads") ?? 1;
  let first = 0;
  const parts = [q, k, v].map((value) => {
    if (!isFeatures(value))
      throw new UnsupportedGraph(
        "packed queries, keys and values are not supported",
      );
    const width = shapeOf(value.view).at(-1) ?? 1;
    const biased = withBias(value, bias, first, width);
    first += width;
    const [, tokens = 1] = shapeOf(value.view);
    const split = reshaped(biased.view, [1, tokens, heads, -1]);
    return headsOf(biased.layer, transposed(split, [0, 2, 1, 3]));
  });
  const [query, key, value] = parts;
  if (query === undefined || key === undefined || value === undefined) {
    throw new UnsupportedGraph("queries, keys or values are missing");
  }
  const scale = node.floats.get("scale") ?? 0;
  const by = scale === 0 ? 1 / Math.sqrt(query.width) : scale;
  const { layer } = attentionOf(query, key, value, by, { offset: 0, dims: [] });
  return { layer, view: tokenView(layer) };
}

/** Adds the part of the packed bias for queries, keys or values. */
function withBias(
  x: FeatureView,
  bias: GraphValue | undefined,
  first: number,
  width: number,
): FeatureView {
  if (bias === undefined) return x;
  const constant = requireConstant(bias);
  const [total = 1] = shapeOf(constant.view);
  const all = channelVector(constant, total);
  const { channels } = x.layer;
  const shift = new Float64Array(channels);
  shift.set(all.subarray(first, first + width), x.view.offset % channels);
  return applyAffine(x, 1, shift);
}
