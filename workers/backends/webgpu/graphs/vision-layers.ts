/**
 * Intermediate representation of a vision encoder, independent of operator names
 * and tensor layouts. A layer computes a feature map of `height` x `width` pixels
 * (tokens are pixels, too) with `channels` values each, in channels-last order.
 */
import {
  coalesced,
  sameDims,
  shapeOf,
  sliced,
  type StridedDim,
  type StridedView,
} from "./strided-view";
import type { GraphTensor, ConstantView } from "./graph-tensor";
import { UnsupportedGraph } from "../../backend";

/** One value for all channels, or one for each. */
export type PerChannel = number | Float64Array;

/** A summand of a convolution kernel: weight · scale, centred in the window. */
export interface KernelTerm {
  /** [out, in / groups, height, width]; absent: the identity kernel. */
  readonly weight?: {
    readonly tensor: GraphTensor;
    readonly view: StridedView;
  };
  readonly scale: PerChannel;
}

/** Consecutive attention heads among the channels of a layer. */
export interface HeadRange {
  readonly layer: VisionLayer;
  /** First channel. */
  readonly first: number;
  readonly heads: number;
  /** Channels per head. */
  readonly width: number;
}

export interface ConvWindow {
  readonly kernel: readonly [number, number];
  readonly strides: readonly [number, number];
  /** Top, left, bottom, right. */
  readonly pads: readonly [number, number, number, number];
}

export interface ConvLayer {
  readonly kind: "conv";
  readonly input: VisionLayer;
  /** The kernel is their sum. */
  readonly terms: readonly KernelTerm[];
  readonly bias: PerChannel;
  readonly groups: number;
  readonly window: ConvWindow;
}

/** x W^T + b with a block-quantized weight (com.microsoft.MatMulNBits). */
interface QuantizedLayer {
  readonly kind: "quantized";
  readonly input: VisionLayer;
  readonly packed: GraphTensor;
  readonly scales: GraphTensor;
  readonly zeros?: GraphTensor;
  readonly bits: number;
  readonly blockSize: number;
  readonly accuracy: number;
  /** Rows of the weight that are used; absent: all. */
  readonly rows?: {
    readonly first: number;
    readonly count: number;
    readonly of: number;
  };
  readonly scale: PerChannel;
  readonly bias: PerChannel;
}

interface AttentionLayer {
  readonly kind: "attention";
  readonly query: HeadRange;
  readonly key: HeadRange;
  readonly value: HeadRange;
  readonly scale: number;
}

export type ScalarFunction = (x: number) => number;

type LayerKind =
  | { readonly kind: "pixels" }
  | ConvLayer
  | QuantizedLayer
  | AttentionLayer
  | {
      readonly kind: "pool";
      readonly input: VisionLayer;
      readonly window: ConvWindow;
    }
  | {
      readonly kind: "mean";
      readonly input: VisionLayer;
      readonly over: "pixels" | "channels";
    }
  | {
      readonly kind: "affine";
      readonly input: VisionLayer;
      readonly scale: PerChannel;
      readonly shift: PerChannel;
    }
  | {
      readonly kind: "unary";
      readonly input: VisionLayer;
      readonly apply: ScalarFunction;
    }
  | {
      readonly kind: "binary";
      readonly op: BinaryOp;
      readonly inputs: readonly [VisionLayer, VisionLayer];
    }
  | {
      readonly kind: "norm";
      readonly input: VisionLayer;
      readonly scale: PerChannel;
      readonly shift: PerChannel;
      readonly epsilon: number;
    }
  | {
      readonly kind: "scores";
      readonly query: HeadRange;
      readonly key: HeadRange;
    }
  | { readonly kind: "softmax"; readonly input: VisionLayer }
  | {
      readonly kind: "activation";
      readonly input: VisionLayer;
      readonly name: ActivationName;
    };

export type BinaryOp = "add" | "sub" | "mul" | "div";

export type ActivationName = "Gelu" | "TanhGelu" | "Relu" | "Sigmoid" | "Silu";

export interface MapSize {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

export type VisionLayer = MapSize & LayerKind;

export type LayerOf<K extends LayerKind["kind"]> = MapSize &
  Extract<LayerKind, { kind: K }>;

/** The layers that a layer reads. */
export function inputsOf(layer: VisionLayer): readonly VisionLayer[] {
  switch (layer.kind) {
    case "pixels":
      return [];
    case "binary":
      return layer.inputs;
    case "scores":
      return [layer.query.layer, layer.key.layer];
    case "attention":
      return [layer.query.layer, layer.key.layer, layer.value.layer];
    default:
      return [layer.input];
  }
}

/** The pixels in row-major order as one dimension. */
export const pixelDims = ({ height, width, channels }: MapSize): StridedDim[] =>
  coalesced([{ size: height * width, stride: channels }]);

export const channelDims = ({ channels }: MapSize): StridedDim[] =>
  coalesced([{ size: channels, stride: 1 }]);

/** The layer as [1, channels, height, width]. */
export function mapView(size: MapSize): StridedView {
  const { height, width, channels } = size;
  const rows = coalesced([{ size: height, stride: width * channels }]);
  const columns = coalesced([{ size: width, stride: channels }]);
  return { offset: 0, dims: [[], channelDims(size), rows, columns] };
}

/** The layer as [1, pixels, channels]. */
export const tokenView = (size: MapSize): StridedView => ({
  offset: 0,
  dims: [[], pixelDims(size), channelDims(size)],
});

/** The heads in a view [heads, pixels, width] of `layer`. */
export function headsOf(layer: VisionLayer, view: StridedView): HeadRange {
  const [columns = [], rows = [], ...rest] = [...view.dims].reverse();
  const [column, ...more] = columns;
  const width = column?.size ?? 1;
  const outer = coalesced(rest.reverse().flat());
  const heads = outer.reduce((all, { size }) => all * size, 1);
  const wanted = coalesced([{ size: heads, stride: width }]);
  const fits =
    more.length === 0 &&
    (column?.stride ?? 1) === 1 &&
    sameDims(rows, pixelDims(layer)) &&
    sameDims(outer, wanted) &&
    view.offset + heads * width <= layer.channels;
  if (!fits)
    throw new UnsupportedGraph(
      `an attention operand of shape [${shapeOf(view).join()}] is not [heads, all pixels, width]`,
    );
  return { layer, first: view.offset, heads, width };
}

/** A layer and the view of it that layout operators leave. */
export interface FeatureView {
  readonly layer: VisionLayer;
  readonly view: StridedView;
}

export type GraphValue = ConstantView | FeatureView;

/** The inputs of a node; an optional one may be missing. */
export type GraphInputs = readonly (GraphValue | undefined)[];

export const isFeatures = (
  value: GraphValue | undefined,
): value is FeatureView => value !== undefined && "layer" in value;

export function requireFeatures(value: GraphValue | undefined): FeatureView {
  if (isFeatures(value)) return value;
  throw new UnsupportedGraph("an input does not depend on the image");
}

export function requireConstant(value: GraphValue | undefined): ConstantView {
  if (value !== undefined && !isFeatures(value)) return value;
  throw new UnsupportedGraph(
    "a weight, a shape or an index is missing or depends on the image",
  );
}

export const POINTWISE: ConvWindow = {
  kernel: [1, 1],
  strides: [1, 1],
  pads: [0, 0, 0, 0],
};

/** Whether a convolution is 1x1 without stride and padding. */
export const isPointwise = ({ window }: LayerOf<"conv">): boolean =>
  [...window.kernel, ...window.strides].every((n) => n === 1) &&
  window.pads.every((pad) => pad === 0);

/** A layer that computes the channels of the given heads only. */
export function headChannels({
  layer,
  first,
  heads,
  width,
}: HeadRange): VisionLayer {
  const count = heads * width;
  if (count === layer.channels) return layer;
  const part = (numbers: PerChannel) =>
    typeof numbers === "number"
      ? numbers
      : numbers.subarray(first, first + count);
  if (layer.kind === "quantized") {
    return {
      ...layer,
      channels: count,
      rows: { first, count, of: layer.channels },
      scale: part(layer.scale),
      bias: part(layer.bias),
    };
  }
  if (layer.kind !== "conv" || layer.groups > 1 || !isPointwise(layer)) {
    throw new UnsupportedGraph(
      `attention reads ${count} of ${layer.channels} channels of a ${layer.kind} layer`,
    );
  }
  const terms = layer.terms.map(({ weight, scale }) => {
    if (weight === undefined) {
      throw new UnsupportedGraph(
        "attention reads some channels of a layer with a residual connection",
      );
    }
    const view = sliced(weight.view, 0, first, count);
    return { weight: { ...weight, view }, scale: part(scale) };
  });
  return { ...layer, channels: count, terms, bias: part(layer.bias) };
}
