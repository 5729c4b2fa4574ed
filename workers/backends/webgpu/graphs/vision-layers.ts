/**
 * What a vision encoder does, whatever its file calls it and however it lays
 * its tensors out: a layer gives a map of `height` x `width` pixels (tokens are
 * pixels too), `channels` numbers each, in that order in memory.
 */
import type { Atom, View } from "./vision-view";
import { joinedAtoms, sameAtoms } from "./vision-view";
import type { Tensor } from "./vision-tensor";
import { UnsupportedGraph } from "./weight";

/** One number for all channels, or one for each. */
export type PerChannel = number | Float64Array;

/** Part of a convolution's weight: w · scale, its kernel in the middle. */
export interface Term {
  /** A view [out, in / groups, height, width]; absent: the identity. */
  readonly weight?: { readonly tensor: Tensor; readonly view: View };
  readonly scale: PerChannel;
}

/** Heads in a row among the channels of a layer. */
export interface Heads {
  readonly layer: Layer;
  readonly first: number;
  readonly heads: number;
  readonly width: number;
}

export interface Window {
  readonly kernel: readonly [number, number];
  readonly strides: readonly [number, number];
  /** Top, left, bottom, right. */
  readonly pads: readonly [number, number, number, number];
}

export interface Conv {
  readonly kind: "conv";
  readonly input: Layer;
  /** The weight is their sum. */
  readonly terms: readonly Term[];
  readonly bias: PerChannel;
  readonly groups: number;
  readonly window: Window;
}

/** x W^T + b, the weight in blocks of few bits (com.microsoft.MatMulNBits). */
export interface Blocks {
  readonly kind: "blocks";
  readonly input: Layer;
  readonly packed: Tensor;
  readonly scales: Tensor;
  readonly zeros?: Tensor;
  readonly bits: number;
  readonly size: number;
  readonly accuracy: number;
  /** The rows of the weight that are meant; absent: all. */
  readonly rows?: {
    readonly first: number;
    readonly count: number;
    readonly of: number;
  };
  readonly scale: PerChannel;
  readonly bias: PerChannel;
}

export interface Attention {
  readonly kind: "attention";
  readonly query: Heads;
  readonly key: Heads;
  readonly value: Heads;
  readonly scale: number;
}

export type Unary = (x: number) => number;

type Kind =
  | { readonly kind: "pixels" }
  | Conv
  | Blocks
  | Attention
  | { readonly kind: "pool"; readonly input: Layer; readonly window: Window }
  | {
      readonly kind: "mean";
      readonly input: Layer;
      readonly over: "pixels" | "channels";
    }
  | {
      readonly kind: "affine";
      readonly input: Layer;
      readonly scale: PerChannel;
      readonly shift: PerChannel;
    }
  | { readonly kind: "unary"; readonly input: Layer; readonly apply: Unary }
  | {
      readonly kind: "binary";
      readonly op: Binary;
      readonly inputs: readonly [Layer, Layer];
    }
  | {
      readonly kind: "norm";
      readonly input: Layer;
      readonly scale: PerChannel;
      readonly shift: PerChannel;
      readonly epsilon: number;
    }
  | {
      readonly kind: "scores";
      readonly query: Heads;
      readonly key: Heads;
    }
  | { readonly kind: "softmax"; readonly input: Layer }
  | {
      readonly kind: "activation";
      readonly input: Layer;
      readonly name: Activation;
    };

export type Binary = "add" | "sub" | "mul" | "div";

export type Activation = "Gelu" | "TanhGelu" | "Relu" | "Sigmoid" | "Silu";

export interface Size {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

export type Layer = Size & Kind;

export type LayerOf<K extends Kind["kind"]> = Size & Extract<Kind, { kind: K }>;

/** Those that a layer is computed from. */
export function inputsOf(layer: Layer): readonly Layer[] {
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

/** The pixels as a dimension, row by row. */
export const pixelAtoms = ({ height, width, channels }: Size): Atom[] =>
  joinedAtoms([{ size: height * width, stride: channels }]);

export const channelAtoms = ({ channels }: Size): Atom[] =>
  joinedAtoms([{ size: channels, stride: 1 }]);

/** As [1, channels, height, width]. */
export function mapView(size: Size): View {
  const { height, width, channels } = size;
  const rows = joinedAtoms([{ size: height, stride: width * channels }]);
  const columns = joinedAtoms([{ size: width, stride: channels }]);
  return { offset: 0, dims: [[], channelAtoms(size), rows, columns] };
}

/** As [1, pixels, channels]. */
export const tokenView = (size: Size): View => ({
  offset: 0,
  dims: [[], pixelAtoms(size), channelAtoms(size)],
});

/** The heads that a view [heads, pixels, width] of `layer` shows. */
export function headsOf(layer: Layer, view: View): Heads {
  const [columns = [], rows = [], ...rest] = [...view.dims].reverse();
  const [column, ...more] = columns;
  const width = column?.size ?? 1;
  const outer = joinedAtoms(rest.reverse().flat());
  const heads = outer.reduce((all, { size }) => all * size, 1);
  const wanted = joinedAtoms([{ size: heads, stride: width }]);
  const fits =
    more.length === 0 &&
    (column?.stride ?? 1) === 1 &&
    sameAtoms(rows, pixelAtoms(layer)) &&
    sameAtoms(outer, wanted) &&
    view.offset + heads * width <= layer.channels;
  if (!fits)
    throw new UnsupportedGraph("attention is not over heads of all pixels");
  return { layer, first: view.offset, heads, width };
}
