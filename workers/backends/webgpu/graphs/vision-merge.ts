/** Sums and scales of convolutions that are one convolution. */
import { each } from "./vision-elementwise";
import type {
  Binary,
  Conv,
  Layer,
  LayerOf,
  PerChannel,
  Size,
  Term,
  Window,
} from "./vision-layers";

/** a · b, channel by channel. */
export function times(a: PerChannel, b: PerChannel): PerChannel {
  if (typeof b === "number") return each(a, (n) => n * b);
  if (typeof a === "number") return b.map((n) => n * a);
  return a.map((n, i) => n * (b[i] ?? NaN));
}

function plus(a: PerChannel, b: PerChannel): PerChannel {
  if (typeof b === "number") return each(a, (n) => n + b);
  if (typeof a === "number") return b.map((n) => n + a);
  return a.map((n, i) => n + (b[i] ?? NaN));
}

/** `layer`, whose result is scaled and shifted, as one; undefined: two. */
export function withAffine(
  layer: Layer,
  { scale, shift }: Pick<LayerOf<"affine">, "scale" | "shift">,
): Layer | undefined {
  const moved = (by: PerChannel) => plus(times(by, scale), shift);
  switch (layer.kind) {
    case "conv":
      return scaled(layer, scale, moved(layer.bias));
    case "blocks": {
      const by = times(layer.scale, scale);
      return { ...layer, scale: by, bias: moved(layer.bias) };
    }
    case "norm": {
      const by = times(layer.scale, scale);
      return { ...layer, scale: by, shift: moved(layer.shift) };
    }
    case "affine":
      return {
        ...layer,
        scale: times(layer.scale, scale),
        shift: moved(layer.shift),
      };
    default:
      return undefined;
  }
}

function scaled<T extends Conv>(
  conv: T,
  scale: PerChannel,
  bias: PerChannel,
): T {
  const terms = conv.terms.map((term) => ({
    ...term,
    scale: times(term.scale, scale),
  }));
  return { ...conv, terms, bias };
}

/** What is added up: `alone`, if nothing else needs it by itself. */
interface Part {
  readonly layer: Layer;
  readonly alone: boolean;
}

/** a + b or a - b as one convolution, if both are linear in the same layer. */
export function summed(op: Binary, a: Part, b: Part): Layer | undefined {
  if (op !== "add" && op !== "sub") return undefined;
  const sign = op === "sub" ? -1 : 1;
  const second = sign === 1 ? b : { ...b, layer: negative(b.layer) };
  for (const input of [sourceOf(a), sourceOf(b)]) {
    const conv = [a, second]
      .map(({ layer }) => layer)
      .find((layer) => layer.kind === "conv" && layer.input === input);
    if (input === undefined || conv?.kind !== "conv") continue;
    const left = termsOf(a, input, conv);
    const right =
      b.layer === input && sign === -1
        ? [{ terms: [{ scale: -1 }], bias: 0, window: POINT }]
        : termsOf(second, input, conv);
    if (left === undefined || right === undefined) continue;
    const all = [...left, ...right];
    const window = largest(all.map((part) => part.window));
    if (window === undefined) continue;
    return {
      ...conv,
      window,
      terms: all.flatMap(({ terms }) => terms),
      bias: all.map(({ bias }) => bias).reduce(plus, 0),
    };
  }
  return undefined;
}

function negative(layer: Layer): Layer {
  return withAffine(layer, { scale: -1, shift: 0 }) ?? layer;
}

/** What a part would be linear in. */
function sourceOf({ layer, alone }: Part): Layer | undefined {
  const linear = layer.kind === "conv" || layer.kind === "affine";
  return linear && alone ? layer.input : undefined;
}

interface Linear {
  readonly terms: readonly Term[];
  readonly bias: PerChannel;
  readonly window: Window;
}

const POINT: Window = { kernel: [1, 1], strides: [1, 1], pads: [0, 0, 0, 0] };

/** `part` as terms of a convolution of `input` such as `like`. */
function termsOf(
  { layer, alone }: Part,
  input: Layer,
  like: LayerOf<"conv">,
): readonly Linear[] | undefined {
  const unstrided = like.window.strides.every((step) => step === 1);
  const keeps = unstrided && sameSize(like, input);
  if (layer === input) {
    return keeps
      ? [{ terms: [{ scale: 1 }], bias: 0, window: POINT }]
      : undefined;
  }
  if (!alone) return undefined;
  if (layer.kind === "affine" && layer.input === input) {
    const { scale, shift: bias } = layer;
    return keeps ? [{ terms: [{ scale }], bias, window: POINT }] : undefined;
  }
  const alike =
    layer.kind === "conv" &&
    layer.input === input &&
    layer.groups === like.groups &&
    sameSize(layer, like) &&
    layer.window.strides.join() === like.window.strides.join();
  return alike ? [layer] : undefined;
}

const sameSize = (a: Size, b: Size) =>
  a.height === b.height && a.width === b.width && a.channels === b.channels;

/** The window that all others are the middle of. */
function largest(windows: readonly Window[]): Window | undefined {
  const area = ({ kernel: [h, w] }: Window) => h * w;
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
