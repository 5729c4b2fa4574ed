/** Elementwise operators. */
import { tensorValues, type ConstantView } from "./graph-tensor";
import {
  coalesced,
  offsetsOf,
  sameDims,
  dimSize,
  type StridedDim,
  type StridedView,
  shapeOf,
} from "./strided-view";
import {
  isFeatures,
  type FeatureView,
  type GraphValue,
  channelDims,
  type BinaryOp,
  type VisionLayer,
  type PerChannel,
  type MapSize,
  type ScalarFunction,
} from "./vision-layers";
import { UnsupportedGraph } from "../../backend";

export const sizeOnly = ({ height, width, channels }: MapSize): MapSize => ({
  height,
  width,
  channels,
});

export const applyUnary = (
  { layer, view }: FeatureView,
  apply: ScalarFunction,
): FeatureView => ({
  layer: { kind: "unary", input: layer, apply, ...sizeOnly(layer) },
  view,
});

export const applyAffine = (
  { layer, view }: FeatureView,
  scale: PerChannel,
  shift: PerChannel,
): FeatureView => ({
  layer: { kind: "affine", input: layer, scale, shift, ...sizeOnly(layer) },
  view,
});

/** a + b, a - b, a · b or a / b with broadcasting. */
export function applyBinary(
  op: BinaryOp,
  a: GraphValue,
  b: GraphValue,
): FeatureView {
  if (isFeatures(a) && isFeatures(b)) return binaryOfFeatures(op, a, b);
  if (isFeatures(a)) return binaryWithConstant(op, a, b as ConstantView);
  if (!isFeatures(b))
    throw new UnsupportedGraph(
      "both operands are constants that cannot be folded",
    );
  switch (op) {
    case "add":
    case "mul":
      return binaryWithConstant(op, b, a);
    case "sub":
      return binaryWithConstant("add", applyAffine(b, -1, 0), a);
    case "div":
      return binaryWithConstant(
        "mul",
        applyUnary(b, (x) => 1 / x),
        a,
      );
  }
}

function binaryWithConstant(
  op: BinaryOp,
  x: FeatureView,
  by: ConstantView,
): FeatureView {
  const { view, numbers } = perChannel(
    x,
    by,
    op === "add" || op === "sub" ? 0 : 1,
  );
  const seen = { layer: x.layer, view };
  switch (op) {
    case "add":
      return applyAffine(seen, 1, numbers);
    case "sub":
      return applyAffine(
        seen,
        1,
        mapChannels(numbers, (n) => -n),
      );
    case "mul":
      return applyAffine(seen, numbers, 0);
    case "div":
      return applyAffine(
        seen,
        mapChannels(numbers, (n) => 1 / n),
        0,
      );
  }
}

export const mapChannels = (
  numbers: PerChannel,
  apply: ScalarFunction,
): PerChannel =>
  typeof numbers === "number" ? apply(numbers) : numbers.map(apply);

/** Whether a strided dimension runs over channels, not over pixels. */
const isChannel = ({ stride }: StridedDim, { channels }: MapSize) =>
  stride < channels;

/** Broadcasts a constant to one value per channel; channels outside of the view
 * get `neutral`. */
function perChannel(
  { layer, view }: FeatureView,
  by: ConstantView,
  neutral: number,
): { readonly view: StridedView; readonly numbers: PerChannel } {
  const rank = Math.max(view.dims.length, by.view.dims.length);
  const dims = padRank(view, rank);
  const own = padRank(by.view, rank);
  const { numbers: values } = tensorValues(by);
  const seen = { ...view, dims };
  const [first] = values;
  if (first !== undefined && values.length === 1) {
    return { view: seen, numbers: first };
  }
  const channels = dims.map((dim) =>
    dim.filter((atom) => isChannel(atom, layer)),
  );
  const sources = own.map((dim, i) => {
    const size = dimSize(channels[i] ?? []);
    if (dim.length === 0) return [{ size, stride: 0 }];
    if (dimSize(dim) !== size || dimSize(dims[i] ?? []) !== size) {
      throw new UnsupportedGraph(
        `constant ${by.tensor.name} [${shapeOf(by.view).join()}] varies from pixel to pixel`,
      );
    }
    return dim;
  });
  const channelOffsets = offsetsOf({
    offset: view.offset % layer.channels,
    dims: channels,
  });
  const sourceOffsets = offsetsOf({ offset: by.view.offset, dims: sources });
  const numbers = new Float64Array(layer.channels).fill(neutral);
  const all = by.tensor.numbers ?? values;
  channelOffsets.forEach((channel, i) => {
    numbers[channel] = all[sourceOffsets[i] ?? NaN] ?? NaN;
  });
  return { view: seen, numbers };
}

/** Prepends dimensions of size 1. */
const padRank = (
  { dims }: StridedView,
  rank: number,
): (readonly StridedDim[])[] => [
  ...Array.from({ length: rank - dims.length }, () => []),
  ...dims,
];

/** Combines two features; one of them may have a single pixel or channel. */
function binaryOfFeatures(
  op: BinaryOp,
  a: FeatureView,
  b: FeatureView,
): FeatureView {
  const rank = Math.max(a.view.dims.length, b.view.dims.length);
  const big = covers(a.layer, b.layer) ? a : b;
  const small = big === a ? b : a;
  const dims = padRank(big.view, rank);
  const shown = padRank(small.view, rank);
  const aligned =
    covers(big.layer, small.layer) &&
    big.view.offset === small.view.offset &&
    dims.every((dim, i) =>
      sameDims(shrunk(dim, big.layer, small.layer), shown[i] ?? []),
    );
  if (!aligned)
    throw new UnsupportedGraph(
      `features of shapes [${shapeOf(a.view).join()}] and [${shapeOf(b.view).join()}] have different layouts`,
    );
  const layer: VisionLayer = {
    kind: "binary",
    op,
    inputs: [a.layer, b.layer],
    ...sizeOnly(big.layer),
  };
  return { layer, view: { ...big.view, dims } };
}

const pixelsOf = ({ height, width }: MapSize) => height * width;

const covers = (big: MapSize, small: MapSize) =>
  [1, pixelsOf(big)].includes(pixelsOf(small)) &&
  [1, big.channels].includes(small.channels);

/** A dimension of `big` as a layer with one pixel or channel has it. */
function shrunk(
  dim: readonly StridedDim[],
  big: MapSize,
  small: MapSize,
): StridedDim[] {
  const dims = dim.flatMap(({ size, stride }) => {
    if (isChannel({ size, stride }, big)) {
      return small.channels === 1 ? [] : [{ size, stride }];
    }
    if (pixelsOf(small) === 1) return [];
    return [{ size, stride: (stride / big.channels) * small.channels }];
  });
  return coalesced(dims);
}

/** The function f with layer = f(root) elementwise; undefined if there is none. */
export function functionOf(
  layer: VisionLayer,
  root: VisionLayer,
): ScalarFunction | undefined {
  const seen = new Map<VisionLayer, ScalarFunction | undefined>([
    [root, (x) => x],
  ]);
  const find = (at: VisionLayer): ScalarFunction | undefined => {
    if (!seen.has(at)) seen.set(at, composed(at, find));
    return seen.get(at);
  };
  return find(layer);
}

function composed(
  layer: VisionLayer,
  find: (layer: VisionLayer) => ScalarFunction | undefined,
): ScalarFunction | undefined {
  if (layer.kind === "binary") {
    const [a, b] = layer.inputs.map(find);
    if (a === undefined || b === undefined) return undefined;
    const apply = BINARY_FUNCTIONS[layer.op];
    return (x) => apply(a(x), b(x));
  }
  if (layer.kind !== "unary" && layer.kind !== "affine") return undefined;
  const inner = find(layer.input);
  if (inner === undefined) return undefined;
  if (layer.kind === "unary") return (x) => layer.apply(inner(x));
  const { scale, shift } = layer;
  if (typeof scale !== "number" || typeof shift !== "number") return undefined;
  return (x) => inner(x) * scale + shift;
}

const BINARY_FUNCTIONS: Readonly<
  Record<BinaryOp, (a: number, b: number) => number>
> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
};

/** Whether a dimension is all channels of the layer in order. */
export const spansChannels = (
  { layer, view }: FeatureView,
  dim: readonly StridedDim[],
): boolean => view.offset === 0 && sameDims(dim, channelDims(layer));
