import { unreadable } from "../../../util/file-errors";
import { bytesOf } from "../../../util/read-blob";

/** A tensor that goes from its files to the GPU piece by piece. */
export interface Weight {
  /** Of the graph input it fills; equal names hold equal bytes. */
  readonly name: string;
  readonly type: string;
  readonly dims: readonly number[];
  readonly bytes: number;
  /** In their order; all but the last of exactly `CHUNK` bytes. */
  chunks(): AsyncIterable<Uint8Array<ArrayBuffer>>;
}

/** Why a published graph is not of the structure that we know. */
export class UnsupportedGraph extends Error {}

export const CHUNK = 16 * 2 ** 20;

/** Bytes of a file, or one byte again and again. */
export type Piece =
  | {
      /** For errors. */
      readonly file: string;
      readonly blob: Blob;
      readonly offset: number;
      readonly length: number;
    }
  | { readonly fill: number; readonly length: number };

export type WeightFacts = Pick<Weight, "name" | "type" | "dims">;

/** One piece after another. */
export function stacked(facts: WeightFacts, pieces: readonly Piece[]): Weight {
  return weight(facts, pieces, () => inTurn(pieces));
}

/** The first row of each piece, then the second of each, and so on. */
export function sideBySide(
  facts: WeightFacts,
  pieces: readonly Piece[],
  rows: number,
): Weight {
  if (pieces.length === 1) return stacked(facts, pieces);
  return weight(facts, pieces, () => rowByRow(pieces, rows));
}

function weight(
  facts: WeightFacts,
  pieces: readonly Piece[],
  read: () => AsyncIterable<Uint8Array>,
): Weight {
  const bytes = pieces.reduce((sum, { length }) => sum + length, 0);
  return computed(facts, bytes, read);
}

/** Made in parts of any size. */
export function computed(
  facts: WeightFacts,
  bytes: number,
  parts: () => AsyncIterable<Uint8Array>,
): Weight {
  return { ...facts, bytes, chunks: () => inChunks(parts(), bytes) };
}

async function* inTurn(pieces: readonly Piece[]): AsyncGenerator<Uint8Array> {
  for (const piece of pieces) {
    for (let at = 0; at < piece.length; at += CHUNK) {
      yield readPiece(piece, at, Math.min(CHUNK, piece.length - at));
    }
  }
}

async function* rowByRow(
  pieces: readonly Piece[],
  rows: number,
): AsyncGenerator<Uint8Array> {
  const widths = pieces.map(({ length }) => length / rows);
  const width = widths.reduce((a, b) => a + b, 0);
  const most = Math.max(1, Math.floor(CHUNK / width));
  for (let row = 0; row < rows; row += most) {
    const count = Math.min(most, rows - row);
    const all = new Uint8Array(count * width);
    let start = 0;
    for (const [i, piece] of pieces.entries()) {
      const each = widths[i] ?? 0;
      const part = await readPiece(piece, row * each, count * each);
      for (let r = 0; r < count; r++) {
        const source = part.subarray(r * each, (r + 1) * each);
        all.set(source, r * width + start);
      }
      start += each;
    }
    yield all;
  }
}

export async function readPiece(
  piece: Piece,
  at: number,
  length: number,
): Promise<Uint8Array> {
  if ("fill" in piece) return new Uint8Array(length).fill(piece.fill);
  const start = piece.offset + at;
  try {
    return await bytesOf(piece.blob.slice(start, start + length));
  } catch (error) {
    throw unreadable(piece.file, error);
  }
}

/** Parts of any size as chunks of one: the GPU takes whole words only. Throws
 * if they are not `bytes` together. */
async function* inChunks(
  parts: AsyncIterable<Uint8Array>,
  bytes: number,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  let left = bytes;
  let chunk = new Uint8Array(Math.min(CHUNK, left));
  let filled = 0;
  for await (const part of parts) {
    for (let at = 0; at < part.length;) {
      if (left === 0) throw new Error(`A weight has more than ${bytes} bytes`);
      const taken = part.subarray(at, at + chunk.length - filled);
      chunk.set(taken, filled);
      at += taken.length;
      filled += taken.length;
      if (filled < chunk.length) continue;
      yield chunk;
      left -= filled;
      chunk = new Uint8Array(Math.min(CHUNK, left));
      filled = 0;
    }
  }
  if (left > 0) throw new Error(`A weight has fewer than ${bytes} bytes`);
}
