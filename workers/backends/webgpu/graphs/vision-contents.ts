/** What the bytes of weights are made of, in short. */
import { inputsOf, type Layer, type PerChannel } from "./vision-layers";
import type { Tensor } from "./vision-tensor";

/** Equal for layers that end in `last` if their weights have equal bytes. */
export function contentsOf(last: Layer): string {
  const places = new Map<Layer, number>();
  const facts: unknown[] = [];
  const visit = (layer: Layer): number => {
    const known = places.get(layer);
    if (known !== undefined) return known;
    const inputs = inputsOf(layer).map(visit);
    const place = facts.length;
    facts.push([layer.kind, inputs, ...contentOf(layer)]);
    places.set(layer, place);
    return place;
  };
  visit(last);
  return JSON.stringify(facts);
}

function contentOf(layer: Layer): readonly unknown[] {
  switch (layer.kind) {
    case "conv": {
      const terms = layer.terms.map(({ weight, scale }) => [
        weight && [tensorInShort(weight.tensor), weight.view],
        inShort(scale),
      ]);
      return [terms, inShort(layer.bias)];
    }
    case "blocks": {
      const { packed, scales, zeros, rows, scale, bias } = layer;
      const tensors = [packed, scales, zeros].map(
        (tensor) => tensor && tensorInShort(tensor),
      );
      return [tensors, rows, inShort(scale), inShort(bias)];
    }
    case "affine":
    case "norm":
      return [inShort(layer.scale), inShort(layer.shift)];
    case "attention":
      return [layer.query, layer.key, layer.value].map(
        ({ first, heads, width }) => [first, heads, width],
      );
    default:
      return [];
  }
}

/** What lies in a file is the same whatever the side; what is computed may
 * depend on it. */
function tensorInShort({ name, type, dims, piece, numbers }: Tensor): unknown {
  if (piece !== undefined || numbers === undefined) return name;
  return [type, dims, inShort(numbers)];
}

function inShort(numbers: PerChannel): string {
  if (typeof numbers === "number") return String(numbers);
  let hash = 0x811c9dc5;
  for (const word of new Uint32Array(numbers.slice().buffer)) {
    hash = Math.imul(hash ^ word, 0x01000193);
    hash ^= hash >>> 15;
  }
  return `${numbers.length} numbers ${hash}`;
}
