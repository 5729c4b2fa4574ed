import type { StoredTensor } from "./dataflow";
import type { LinearLayer } from "./decoder-linear";
import { readSource, type ByteSource } from "./weight";

/** The columns of a part are a multiple of this, so that every part but the last
 * is computed in whole vectors. */
const MULTIPLE = 64;

/**
 * Splits the columns of a linear layer so that no weight of a part is larger than
 * `largest` bytes. The results of the parts, one after another, are those of the
 * layer. Returns the layer itself if it is small enough.
 */
export function columnParts(
  linear: LinearLayer,
  largest: number,
): readonly LinearLayer[] {
  const { outer, weight } = linear;
  const bytes = weight.source.length;
  if (bytes <= largest) return [linear];
  const most = Math.floor(largest / (bytes / outer) / MULTIPLE) * MULTIPLE;
  if (most === 0) return [linear];
  const count = Math.ceil(outer / most);
  return Array.from({ length: count }, (_, i) => {
    const from = i * most;
    return partOf(linear, from, Math.min(outer, from + most));
  });
}

/** The columns `from` to `to`. */
function partOf(linear: LinearLayer, from: number, to: number): LinearLayer {
  const { outer, bias } = linear;
  const part = (tensor: StoredTensor, rows: number) =>
    columnsOf(tensor, rows, outer, from, to);
  const more = { outer: to - from, ...(bias && { bias: part(bias, 1) }) };
  if (linear.kind === "dense") {
    const { weight, transposed, inner } = linear;
    const rows = transposed ? 1 : inner;
    return { ...linear, ...more, weight: part(weight, rows) };
  }
  const { weight, scales, zeros } = linear;
  return {
    ...linear,
    ...more,
    weight: part(weight, 1),
    scales: part(scales, 1),
    ...(zeros && { zeros: part(zeros, 1) }),
  };
}

/** Columns of a matrix of `rows` rows by `outer` columns of any number of bytes. */
function columnsOf(
  { name, type, source }: StoredTensor,
  rows: number,
  outer: number,
  from: number,
  to: number,
): StoredTensor {
  const columnBytes = source.length / rows / outer;
  const width = (to - from) * columnBytes;
  const start = from * columnBytes;
  const read = async (at: number, length: number): Promise<Uint8Array> => {
    const bytes = new Uint8Array(length);
    const pieces: Promise<void>[] = [];
    for (let done = 0; done < length;) {
      const [row, column] = [
        Math.floor((at + done) / width),
        (at + done) % width,
      ];
      const size = Math.min(width - column, length - done);
      const place = row * outer * columnBytes + start + column;
      const target = done;
      pieces.push(
        readSource(source, place, size).then((piece) => {
          bytes.set(piece, target);
        }),
      );
      done += size;
    }
    await Promise.all(pieces);
    return bytes;
  };
  return {
    name: `${name} ${from}-${to}`,
    type,
    dims: [rows, to - from],
    source: { length: rows * width, read } satisfies ByteSource,
  };
}
