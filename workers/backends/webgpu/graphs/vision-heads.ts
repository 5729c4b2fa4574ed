import type { Heads, Layer, LayerOf, PerChannel } from "./vision-layers";
import { sliced } from "./vision-view";
import { UnsupportedGraph } from "./weight";

/** Whether each pixel is computed of itself alone. */
export const isPoint = ({ window }: LayerOf<"conv">): boolean =>
  [...window.kernel, ...window.strides].every((n) => n === 1) &&
  window.pads.every((pad) => pad === 0);

/** A layer that gives the channels of some heads and no others. */
export function channelsOf({ layer, first, heads, width }: Heads): Layer {
  const count = heads * width;
  if (count === layer.channels) return layer;
  const part = (numbers: PerChannel) =>
    typeof numbers === "number"
      ? numbers
      : numbers.subarray(first, first + count);
  if (layer.kind === "blocks") {
    return {
      ...layer,
      channels: count,
      rows: { first, count, of: layer.channels },
      scale: part(layer.scale),
      bias: part(layer.bias),
    };
  }
  if (layer.kind !== "conv" || layer.groups > 1 || !isPoint(layer)) {
    throw new UnsupportedGraph(
      "it has attention to parts of what is no linear layer",
    );
  }
  const terms = layer.terms.map(({ weight, scale }) => {
    if (weight === undefined) {
      throw new UnsupportedGraph(
        "it has attention to what is not computed for it",
      );
    }
    const view = sliced(weight.view, 0, first, count);
    return { weight: { ...weight, view }, scale: part(scale) };
  });
  return { ...layer, channels: count, terms, bias: part(layer.bias) };
}
