/** Weights in blocks of few bits, as they are in their files. */
import { times } from "./vision-merge";
import type { LayerOf } from "./vision-layers";
import { decodedBytes, type Tensor } from "./vision-tensor";
import { encoded, type Float } from "./vision-weights";
import {
  computed,
  stacked,
  UnsupportedGraph,
  type Piece,
  type Weight,
} from "./weight";

interface Blocks {
  readonly packed: Weight;
  readonly scales: Weight;
  readonly zeros?: Weight;
}

export function blockWeights(name: string, layer: LayerOf<"blocks">): Blocks {
  const { packed, scales, zeros, channels } = layer;
  const rows = layer.rows ?? { first: 0, count: channels, of: channels };
  const part = (kind: string, tensor: Tensor): Weight => {
    const piece = pieceOf(tensor, rows);
    const dims = dimsOf(tensor, rows);
    return stacked({ name: `${name}.${kind}`, type: tensor.type, dims }, [
      piece,
    ]);
  };
  return {
    packed: part("packed", packed),
    scales:
      layer.scale === 1
        ? part("scales", scales)
        : scaled(part("scales", scales), layer),
    ...(zeros && { zeros: part("zeros", zeros) }),
  };
}

interface Rows {
  readonly first: number;
  readonly count: number;
  readonly of: number;
}

function pieceOf(
  { piece, name }: Tensor,
  { first, count, of }: Rows,
): Piece & { blob: Blob } {
  if (piece === undefined || "fill" in piece || piece.length % of !== 0) {
    throw new UnsupportedGraph(`${name} is not stored row by row`);
  }
  const row = piece.length / of;
  return { ...piece, offset: piece.offset + first * row, length: count * row };
}

/** The first dimension is the rows', or all are in one. */
function dimsOf({ dims, name }: Tensor, { count, of }: Rows): number[] {
  const [rows = 0, ...rest] = dims;
  if (rows % of !== 0)
    throw new UnsupportedGraph(`${name} is not stored row by row`);
  return [(rows / of) * count, ...rest];
}

function scaled(
  weight: Weight,
  { scale, channels }: LayerOf<"blocks">,
): Weight {
  const type = weight.type as Float;
  return computed(weight, weight.bytes, async function* () {
    const parts: Uint8Array[] = [];
    for await (const chunk of weight.chunks()) parts.push(chunk);
    const numbers = parts.flatMap((part) => [...decodedBytes(type, part)]);
    const each = numbers.length / channels;
    const by = Float64Array.from(numbers, (_, i) =>
      typeof scale === "number" ? scale : (scale[Math.floor(i / each)] ?? 0),
    );
    yield encoded(type, times(Float64Array.from(numbers), by) as Float64Array);
  });
}
