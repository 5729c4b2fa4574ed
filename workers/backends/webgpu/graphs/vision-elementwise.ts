/** Operators that compute each number of others at the same place. */
import {
  channelAtoms,
  type Binary,
  type Layer,
  type PerChannel,
  type Size,
  type Unary,
} from "./vision-layers";
import { numbersOf, type Constant } from "./vision-tensor";
import { isFeatures, type Features, type Value } from "./vision-value";
import {
  joinedAtoms,
  placesOf,
  sameAtoms,
  sizeOf,
  type Atom,
  type View,
} from "./vision-view";
import { UnsupportedGraph } from "./weight";

export const sizeOnly = ({ height, width, channels }: Size): Size => ({
  height,
  width,
  channels,
});

export const unary = ({ layer, view }: Features, apply: Unary): Features => ({
  layer: { kind: "unary", input: layer, apply, ...sizeOnly(layer) },
  view,
});

export const affine = (
  { layer, view }: Features,
  scale: PerChannel,
  shift: PerChannel,
): Features => ({
  layer: { kind: "affine", input: layer, scale, shift, ...sizeOnly(layer) },
  view,
});

/** a + b, a - b, a · b or a / b. */
export function combined(op: Binary, a: Value, b: Value): Features {
  if (isFeatures(a) && isFeatures(b)) return joint(op, a, b);
  if (isFeatures(a)) return withConstant(op, a, b as Constant);
  if (!isFeatures(b))
    throw new UnsupportedGraph("constants meet where features should");
  switch (op) {
    case "add":
    case "mul":
      return withConstant(op, b, a);
    case "sub":
      return withConstant("add", affine(b, -1, 0), a);
    case "div":
      return withConstant(
        "mul",
        unary(b, (x) => 1 / x),
        a,
      );
  }
}

function withConstant(op: Binary, x: Features, by: Constant): Features {
  const { view, numbers } = perChannel(
    x,
    by,
    op === "add" || op === "sub" ? 0 : 1,
  );
  const seen = { layer: x.layer, view };
  switch (op) {
    case "add":
      return affine(seen, 1, numbers);
    case "sub":
      return affine(
        seen,
        1,
        each(numbers, (n) => -n),
      );
    case "mul":
      return affine(seen, numbers, 0);
    case "div":
      return affine(
        seen,
        each(numbers, (n) => 1 / n),
        0,
      );
  }
}

export const each = (numbers: PerChannel, apply: Unary): PerChannel =>
  typeof numbers === "number" ? apply(numbers) : numbers.map(apply);

/** Whether the atom goes from channel to channel, not from pixel to pixel. */
const isChannel = ({ stride }: Atom, { channels }: Size) => stride < channels;

/** The numbers that a constant, repeated where its sizes are 1, has for each
 * channel; `other` for channels that the view does not show. */
function perChannel(
  { layer, view }: Features,
  by: Constant,
  other: number,
): { readonly view: View; readonly numbers: PerChannel } {
  const rank = Math.max(view.dims.length, by.view.dims.length);
  const dims = ranked(view, rank);
  const own = ranked(by.view, rank);
  const known = numbersOf(by).numbers;
  const seen = { ...view, dims };
  if (known.length === 1) return { view: seen, numbers: known[0] ?? 0 };
  const channels = dims.map((dim) =>
    dim.filter((atom) => isChannel(atom, layer)),
  );
  const sources = own.map((dim, i) => {
    const size = sizeOf(channels[i] ?? []);
    if (dim.length === 0) return [{ size, stride: 0 }];
    if (sizeOf(dim) !== size || sizeOf(dims[i] ?? []) !== size) {
      throw new UnsupportedGraph("a constant differs from pixel to pixel");
    }
    return dim;
  });
  const places = placesOf({
    offset: view.offset % layer.channels,
    dims: channels,
  });
  const from = placesOf({ offset: by.view.offset, dims: sources });
  const numbers = new Float64Array(layer.channels).fill(other);
  const all = by.tensor.numbers ?? known;
  places.forEach((place, i) => {
    numbers[place] = all[from[i] ?? 0] ?? NaN;
  });
  return { view: seen, numbers };
}

/** With dimensions of size 1 before its own. */
const ranked = ({ dims }: View, rank: number): (readonly Atom[])[] => [
  ...Array.from({ length: rank - dims.length }, () => []),
  ...dims,
];

/** Of two features, of which one may have a single pixel or channel. */
function joint(op: Binary, a: Features, b: Features): Features {
  const rank = Math.max(a.view.dims.length, b.view.dims.length);
  const big = covers(a.layer, b.layer) ? a : b;
  const small = big === a ? b : a;
  const dims = ranked(big.view, rank);
  const shown = ranked(small.view, rank);
  const aligned =
    covers(big.layer, small.layer) &&
    big.view.offset === small.view.offset &&
    dims.every((dim, i) =>
      sameAtoms(shrunk(dim, big.layer, small.layer), shown[i] ?? []),
    );
  if (!aligned)
    throw new UnsupportedGraph("features of different layouts meet");
  const layer: Layer = {
    kind: "binary",
    op,
    inputs: [a.layer, b.layer],
    ...sizeOnly(big.layer),
  };
  return { layer, view: { ...big.view, dims } };
}

const pixelsOf = ({ height, width }: Size) => height * width;

const covers = (big: Size, small: Size) =>
  [1, pixelsOf(big)].includes(pixelsOf(small)) &&
  [1, big.channels].includes(small.channels);

/** How a dimension of `big` looks in a layer with one pixel or channel. */
function shrunk(dim: readonly Atom[], big: Size, small: Size): Atom[] {
  const atoms = dim.flatMap(({ size, stride }) => {
    if (isChannel({ size, stride }, big)) {
      return small.channels === 1 ? [] : [{ size, stride }];
    }
    if (pixelsOf(small) === 1) return [];
    return [{ size, stride: (stride / big.channels) * small.channels }];
  });
  return joinedAtoms(atoms);
}

/** The function that `layer` computes of `root`, place by place. */
export function functionOf(layer: Layer, root: Layer): Unary | undefined {
  const seen = new Map<Layer, Unary | undefined>([[root, (x) => x]]);
  const find = (at: Layer): Unary | undefined => {
    if (!seen.has(at)) seen.set(at, composed(at, find));
    return seen.get(at);
  };
  return find(layer);
}

function composed(
  layer: Layer,
  find: (layer: Layer) => Unary | undefined,
): Unary | undefined {
  if (layer.kind === "binary") {
    const [a, b] = layer.inputs.map(find);
    if (a === undefined || b === undefined) return undefined;
    const apply = BINARY[layer.op];
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

const BINARY: Readonly<Record<Binary, (a: number, b: number) => number>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
};

/** Whether a dimension is all channels of the layer in their order. */
export const isAllChannels = (
  { layer, view }: Features,
  dim: readonly Atom[],
): boolean => view.offset === 0 && sameAtoms(dim, channelAtoms(layer));
