/**
 * Fuses the layers of an encoder:
 *
 *     elementwise functions of one input     → activation
 *     (x - mean) / √(mean (x - mean)² + ε)   → norm
 *     per-channel scale and shift            → absorbed by the preceding layer
 *     conv(x) + conv(x) + scale · x + …      → one convolution
 */
import {
  recogniseActivation,
  isSquare,
  affineOf,
  sqrtEpsilon,
} from "./scalar-functions";
import { functionOf, sizeOnly, mapChannels } from "./vision-elementwise";
import {
  inputsOf,
  POINTWISE,
  type HeadRange,
  type VisionLayer,
  type LayerOf,
  type BinaryOp,
  type ConvLayer,
  type PerChannel,
  type MapSize,
  type KernelTerm,
  type ConvWindow,
} from "./vision-layers";

/** Fuses `last` and all layers that it depends on. */
export function fuseLayers(last: VisionLayer): VisionLayer {
  const users = countUsers(last);
  const done = new Map<VisionLayer, VisionLayer>();
  const fuse = (layer: VisionLayer): VisionLayer => {
    const known = done.get(layer);
    if (known !== undefined) return known;
    const result = fuseLayer(layer, fuse, (of) => (users.get(of) ?? 0) < 2);
    done.set(layer, result);
    return result;
  };
  return fuse(last);
}

/** How many layers read each layer. */
export function countUsers(
  last: VisionLayer,
): ReadonlyMap<VisionLayer, number> {
  const users = new Map<VisionLayer, number>();
  const rest = [last];
  for (let at = rest.pop(); at !== undefined; at = rest.pop()) {
    for (const input of new Set(inputsOf(at))) {
      if (!users.has(input)) rest.push(input);
      users.set(input, (users.get(input) ?? 0) + 1);
    }
  }
  return users;
}

type Fuse = (layer: VisionLayer) => VisionLayer;

/** `hasOneUser`: whether a layer has a single reader and may be absorbed by it. */
function fuseLayer(
  layer: VisionLayer,
  fuse: Fuse,
  hasOneUser: (layer: VisionLayer) => boolean,
): VisionLayer {
  switch (layer.kind) {
    case "pixels":
    case "scores":
      return layer;
    case "unary":
    case "binary":
      return (
        matchActivation(layer, fuse) ??
        matchLayerNorm(layer, fuse) ??
        fuseInputs(layer, fuse, hasOneUser)
      );
    case "affine": {
      const known = matchActivation(layer, fuse);
      if (known !== undefined) return known;
      const inner = fuse(layer.input);
      const merged = hasOneUser(layer.input)
        ? absorbAffine(inner, layer)
        : undefined;
      return merged ?? { ...layer, input: inner };
    }
    case "attention":
      return fuseAttention(layer, fuse);
    default:
      return { ...layer, input: fuse(layer.input) };
  }
}

function fuseInputs(
  layer: LayerOf<"unary"> | LayerOf<"binary">,
  fuse: Fuse,
  hasOneUser: (layer: VisionLayer) => boolean,
): VisionLayer {
  if (layer.kind === "unary") return { ...layer, input: fuse(layer.input) };
  const [a, b] = layer.inputs;
  const [x, y] = [fuse(a), fuse(b)];
  const sum = mergeConvSum(
    layer.op,
    { layer: x, hasOneUser: hasOneUser(a) },
    { layer: y, hasOneUser: hasOneUser(b) },
  );
  return sum ?? { ...layer, inputs: [x, y] };
}

const isElementwise = ({ kind }: VisionLayer) =>
  kind === "unary" || kind === "binary" || kind === "affine";

/** Candidates for x in layer = f(x), nearest first. */
function rootsOf(layer: VisionLayer): ReadonlySet<VisionLayer> {
  const found = new Set<VisionLayer>();
  const rest: VisionLayer[] = [layer];
  for (let at = rest.shift(); at !== undefined; at = rest.shift()) {
    if (!isElementwise(at) || found.size > 64) continue;
    for (const input of inputsOf(at)) {
      if (found.has(input)) continue;
      found.add(input);
      rest.push(input);
    }
  }
  return found;
}

function matchActivation(
  layer: VisionLayer,
  fuse: Fuse,
): VisionLayer | undefined {
  for (const root of rootsOf(layer)) {
    const apply = functionOf(layer, root);
    if (apply === undefined) continue;
    const size = sizeOnly(layer);
    const name = recogniseActivation(apply);
    if (name !== undefined) {
      return { kind: "activation", input: fuse(root), name, ...size };
    }
    const line = layer.kind === "affine" ? undefined : affineOf(apply);
    if (line !== undefined) {
      return { kind: "affine", input: fuse(root), ...line, ...size };
    }
  }
  return undefined;
}

/** d / √(v + ε), or d · 1/√(v + ε). */
function matchLayerNorm(
  layer: VisionLayer,
  fuse: Fuse,
): VisionLayer | undefined {
  if (layer.kind !== "binary") return undefined;
  const [a, b] = layer.inputs;
  const orders =
    layer.op === "div"
      ? [[a, b]]
      : [
          [a, b],
          [b, a],
        ];
  if (layer.op !== "div" && layer.op !== "mul") return undefined;
  for (const [d, by] of orders) {
    const input = d === undefined ? undefined : centred(d);
    if (input === undefined || by === undefined) continue;
    for (const variance of rootsOf(by)) {
      const apply = functionOf(by, variance);
      if (apply === undefined || !isVariance(variance, input)) continue;
      const inverse = layer.op === "mul";
      const epsilon = sqrtEpsilon(inverse ? (x) => 1 / apply(x) : apply);
      if (epsilon === undefined) continue;
      const identity = { scale: 1, shift: 0, epsilon } as const;
      return {
        kind: "norm",
        input: fuse(input),
        ...identity,
        ...sizeOnly(layer),
      };
    }
  }
  return undefined;
}

/** x, if the layer is x - mean(x) over channels. */
function centred(layer: VisionLayer): VisionLayer | undefined {
  if (layer.kind !== "binary" || layer.op !== "sub") return undefined;
  const [x, m] = layer.inputs;
  const isMean = m.kind === "mean" && m.over === "channels" && m.input === x;
  return isMean ? x : undefined;
}

/** Whether the layer is mean((x - mean(x))²) over channels. */
function isVariance(layer: VisionLayer, x: VisionLayer): boolean {
  if (layer.kind !== "mean" || layer.over !== "channels") return false;
  for (const root of rootsOf(layer.input)) {
    const apply = functionOf(layer.input, root);
    if (apply !== undefined && centred(root) === x && isSquare(apply)) {
      return true;
    }
  }
  return false;
}

/** Moves scalar scales of queries and keys into the scale of attention. */
function fuseAttention(layer: LayerOf<"attention">, fuse: Fuse): VisionLayer {
  let { scale } = layer;
  const peeled = (heads: HeadRange): HeadRange => {
    let at = fuse(heads.layer);
    while (
      at.kind === "affine" &&
      typeof at.scale === "number" &&
      at.shift === 0
    ) {
      scale *= at.scale;
      at = at.input;
    }
    return { ...heads, layer: at };
  };
  const query = peeled(layer.query);
  const key = peeled(layer.key);
  const value = { ...layer.value, layer: fuse(layer.value.layer) };
  return { ...layer, query, key, value, scale };
}

/** a · b per channel. */
export function multiplyChannels(a: PerChannel, b: PerChannel): PerChannel {
  if (typeof b === "number") return mapChannels(a, (n) => n * b);
  if (typeof a === "number") return b.map((n) => n * a);
  return a.map((n, i) => n * (b[i] ?? NaN));
}

function addChannels(a: PerChannel, b: PerChannel): PerChannel {
  if (typeof b === "number") return mapChannels(a, (n) => n + b);
  if (typeof a === "number") return b.map((n) => n + a);
  return a.map((n, i) => n + (b[i] ?? NaN));
}

/** `layer` with a scale and a shift of its output absorbed; undefined if it cannot. */
function absorbAffine(
  layer: VisionLayer,
  { scale, shift }: Pick<LayerOf<"affine">, "scale" | "shift">,
): VisionLayer | undefined {
  const moved = (by: PerChannel) =>
    addChannels(multiplyChannels(by, scale), shift);
  switch (layer.kind) {
    case "conv":
      return scaledConv(layer, scale, moved(layer.bias));
    case "quantized": {
      const by = multiplyChannels(layer.scale, scale);
      return { ...layer, scale: by, bias: moved(layer.bias) };
    }
    case "norm": {
      const by = multiplyChannels(layer.scale, scale);
      return { ...layer, scale: by, shift: moved(layer.shift) };
    }
    case "affine":
      return {
        ...layer,
        scale: multiplyChannels(layer.scale, scale),
        shift: moved(layer.shift),
      };
    default:
      return undefined;
  }
}

function scaledConv<T extends ConvLayer>(
  conv: T,
  scale: PerChannel,
  bias: PerChannel,
): T {
  const terms = conv.terms.map((term) => ({
    ...term,
    scale: multiplyChannels(term.scale, scale),
  }));
  return { ...conv, terms, bias };
}

/** An operand of a sum; `hasOneUser` if only the sum reads it. */
interface Summand {
  readonly layer: VisionLayer;
  readonly hasOneUser: boolean;
}

/** a ± b as one convolution, if both are linear in the same layer. */
function mergeConvSum(
  op: BinaryOp,
  a: Summand,
  b: Summand,
): VisionLayer | undefined {
  if (op !== "add" && op !== "sub") return undefined;
  const sign = op === "sub" ? -1 : 1;
  const second = sign === 1 ? b : { ...b, layer: negated(b.layer) };
  for (const input of [linearInput(a), linearInput(b)]) {
    const conv = [a, second]
      .map(({ layer }) => layer)
      .find((layer) => layer.kind === "conv" && layer.input === input);
    if (input === undefined || conv?.kind !== "conv") continue;
    const left = termsOf(a, input, conv);
    const right =
      b.layer === input && sign === -1
        ? [{ terms: [{ scale: -1 }], bias: 0, window: POINTWISE }]
        : termsOf(second, input, conv);
    if (left === undefined || right === undefined) continue;
    const all = [...left, ...right];
    const window = largestWindow(all.map((part) => part.window));
    if (window === undefined) continue;
    return {
      ...conv,
      window,
      terms: all.flatMap(({ terms }) => terms),
      bias: all.map(({ bias }) => bias).reduce(addChannels, 0),
    };
  }
  return undefined;
}

function negated(layer: VisionLayer): VisionLayer {
  return absorbAffine(layer, { scale: -1, shift: 0 }) ?? layer;
}

/** The layer that an operand is linear in. */
function linearInput({ layer, hasOneUser }: Summand): VisionLayer | undefined {
  const linear = layer.kind === "conv" || layer.kind === "affine";
  return linear && hasOneUser ? layer.input : undefined;
}

interface ConvTerms {
  readonly terms: readonly KernelTerm[];
  readonly bias: PerChannel;
  readonly window: ConvWindow;
}

/**
 * An operand of a sum, written as terms of one convolution of `input` whose strides,
 * groups and output size are those of `like`; undefined if it cannot be. `input`
 * itself, also scaled, is a 1 x 1 convolution.
 */
function termsOf(
  { layer, hasOneUser }: Summand,
  input: VisionLayer,
  like: LayerOf<"conv">,
): readonly ConvTerms[] | undefined {
  const unstrided = like.window.strides.every((step) => step === 1);
  const sameMap = unstrided && sameSize(like, input);
  if (layer === input) {
    return sameMap
      ? [{ terms: [{ scale: 1 }], bias: 0, window: POINTWISE }]
      : undefined;
  }
  if (!hasOneUser) return undefined;
  if (layer.kind === "affine" && layer.input === input) {
    const { scale, shift: bias } = layer;
    return sameMap
      ? [{ terms: [{ scale }], bias, window: POINTWISE }]
      : undefined;
  }
  const alike =
    layer.kind === "conv" &&
    layer.input === input &&
    layer.groups === like.groups &&
    sameSize(layer, like) &&
    layer.window.strides.join() === like.window.strides.join();
  return alike ? [layer] : undefined;
}

const sameSize = (a: MapSize, b: MapSize) =>
  a.height === b.height && a.width === b.width && a.channels === b.channels;

/** The largest window, if all windows have odd sizes and are centred in it;
 * otherwise undefined. */
function largestWindow(windows: readonly ConvWindow[]): ConvWindow | undefined {
  const area = ({ kernel: [h, w] }: ConvWindow) => h * w;
  const [window] = [...windows].sort((a, b) => area(b) - area(a));
  if (window === undefined) return undefined;
  const fits = windows.every(({ kernel, pads }) => {
    const [top, left] = pads;
    const [height, width] = kernel;
    return (
      height % 2 === 1 &&
      width % 2 === 1 &&
      window.pads[0] - top === (window.kernel[0] - height) / 2 &&
      window.pads[1] - left === (window.kernel[1] - width) / 2
    );
  });
  return fits ? window : undefined;
}
