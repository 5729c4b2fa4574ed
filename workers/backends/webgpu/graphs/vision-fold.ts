/**
 * The layers of an encoder, fewer of them: what each operator was read as
 * becomes what several of them are together.
 *
 *     functions of one number, however spelled     → activation
 *     (x - mean) / √(mean (x - mean)² + ε)         → norm
 *     scale and shift of each channel              → into the layer before
 *     conv(x) + conv(x) + scale x + …              → one convolution
 */
import { functionOf, sizeOnly } from "./vision-elementwise";
import { activationOf, isSquare, lineOf, rootOf } from "./vision-functions";
import { summed, withAffine } from "./vision-merge";
import {
  inputsOf,
  type Heads,
  type Layer,
  type LayerOf,
} from "./vision-layers";

/** `last` and all that it needs. */
export function folded(last: Layer): Layer {
  const users = countUsers(last);
  const done = new Map<Layer, Layer>();
  const fold = (layer: Layer): Layer => {
    const known = done.get(layer);
    if (known !== undefined) return known;
    const result = foldOne(layer, fold, (of) => (users.get(of) ?? 0) < 2);
    done.set(layer, result);
    return result;
  };
  return fold(last);
}

/** How many layers compute with each. */
function countUsers(last: Layer): ReadonlyMap<Layer, number> {
  const users = new Map<Layer, number>();
  const rest = [last];
  for (let at = rest.pop(); at !== undefined; at = rest.pop()) {
    for (const input of new Set(inputsOf(at))) {
      if (!users.has(input)) rest.push(input);
      users.set(input, (users.get(input) ?? 0) + 1);
    }
  }
  return users;
}

type Fold = (layer: Layer) => Layer;

/** `alone`: whether a layer has one user only, and may become part of it. */
function foldOne(
  layer: Layer,
  fold: Fold,
  alone: (layer: Layer) => boolean,
): Layer {
  switch (layer.kind) {
    case "pixels":
    case "scores":
      return layer;
    case "unary":
    case "binary":
      return (
        asActivation(layer, fold) ??
        asNorm(layer, fold) ??
        foldParts(layer, fold, alone)
      );
    case "affine": {
      const known = asActivation(layer, fold);
      if (known !== undefined) return known;
      const inner = fold(layer.input);
      const merged = alone(layer.input) ? withAffine(inner, layer) : undefined;
      return merged ?? { ...layer, input: inner };
    }
    case "attention":
      return foldAttention(layer, fold);
    default:
      return { ...layer, input: fold(layer.input) };
  }
}

function foldParts(
  layer: LayerOf<"unary"> | LayerOf<"binary">,
  fold: Fold,
  alone: (layer: Layer) => boolean,
): Layer {
  if (layer.kind === "unary") return { ...layer, input: fold(layer.input) };
  const [a, b] = layer.inputs;
  const [x, y] = [fold(a), fold(b)];
  const sum = summed(
    layer.op,
    { layer: x, alone: alone(a) },
    { layer: y, alone: alone(b) },
  );
  return sum ?? { ...layer, inputs: [x, y] };
}

/** Layers that compute number by number. */
const isElementwise = ({ kind }: Layer) =>
  kind === "unary" || kind === "binary" || kind === "affine";

/** All that `layer` may be a function of, the nearest first. */
function rootsOf(layer: Layer): ReadonlySet<Layer> {
  const found = new Set<Layer>();
  const rest: Layer[] = [layer];
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

function asActivation(layer: Layer, fold: Fold): Layer | undefined {
  for (const root of rootsOf(layer)) {
    const apply = functionOf(layer, root);
    if (apply === undefined) continue;
    const size = sizeOnly(layer);
    const name = activationOf(apply);
    if (name !== undefined) {
      return { kind: "activation", input: fold(root), name, ...size };
    }
    const line = layer.kind === "affine" ? undefined : lineOf(apply);
    if (line !== undefined) {
      return { kind: "affine", input: fold(root), ...line, ...size };
    }
  }
  return undefined;
}

/** d / √(v + ε), or d · 1/√(v + ε). */
function asNorm(layer: Layer, fold: Fold): Layer | undefined {
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
      const epsilon = rootOf(inverse ? (x) => 1 / apply(x) : apply);
      if (epsilon === undefined) continue;
      const plain = { scale: 1, shift: 0, epsilon } as const;
      return { kind: "norm", input: fold(input), ...plain, ...sizeOnly(layer) };
    }
  }
  return undefined;
}

/** x of x - mean(x). */
function centred(layer: Layer): Layer | undefined {
  if (layer.kind !== "binary" || layer.op !== "sub") return undefined;
  const [x, m] = layer.inputs;
  const isMean = m.kind === "mean" && m.over === "channels" && m.input === x;
  return isMean ? x : undefined;
}

/** mean((x - mean(x))²) */
function isVariance(layer: Layer, x: Layer): boolean {
  if (layer.kind !== "mean" || layer.over !== "channels") return false;
  for (const root of rootsOf(layer.input)) {
    const apply = functionOf(layer.input, root);
    if (apply !== undefined && centred(root) === x && isSquare(apply)) {
      return true;
    }
  }
  return false;
}

/** Scales of queries and keys become attention's. */
function foldAttention(layer: LayerOf<"attention">, fold: Fold): Layer {
  let { scale } = layer;
  const peeled = (heads: Heads): Heads => {
    let at = fold(heads.layer);
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
  const value = { ...layer.value, layer: fold(layer.value.layer) };
  return { ...layer, query, key, value, scale };
}
