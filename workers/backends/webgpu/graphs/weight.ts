import { baseName } from "../../../onnx/external-data";
import type { OnnxGraph, TensorLocation } from "../../../onnx/onnx-reader";
import { defined } from "../../../util/assert";
import { unreadable } from "../../../util/file-errors";
import { bytesOf } from "../../../util/read-blob";

/** A tensor that is streamed from its files to the GPU. */
export interface Weight {
  /** Name of the graph input; equal names hold equal bytes. */
  readonly name: string;
  readonly type: string;
  readonly dims: readonly number[];
  readonly bytes: number;
  /** The bytes in order; every chunk but the last has `CHUNK_BYTES` bytes. */
  chunks(): AsyncIterable<Uint8Array<ArrayBuffer>>;
}

export const CHUNK_BYTES = 16 * 2 ** 20;

/** A range of a file, one byte repeated, or computed bytes. */
export type ByteSource =
  | {
      /** Path for error messages. */
      readonly file: string;
      readonly blob: Blob;
      readonly offset: number;
      readonly length: number;
    }
  | { readonly fill: number; readonly length: number }
  | {
      readonly length: number;
      readonly read: (at: number, length: number) => Promise<Uint8Array>;
    };

/** The bytes of a stored tensor. `files`: the result of `openWeightFiles`. */
export function sourceOf(
  graph: OnnxGraph,
  files: ReadonlyMap<string, Blob>,
  { location, offset, length }: TensorLocation,
): ByteSource {
  const own = baseName(graph.file);
  const name = location ?? own;
  const file = graph.file.slice(0, -own.length) + name;
  return { file, blob: defined(files.get(name), file), offset, length };
}

type WeightInfo = Pick<Weight, "name" | "type" | "dims">;

/** The sources one after another. */
export function concatenatedWeight(
  info: WeightInfo,
  sources: readonly ByteSource[],
): Weight {
  return weight(info, sources, () => concatenate(sources));
}

/** The sources joined along the columns: row 0 of each, then row 1 of each. */
export function interleavedWeight(
  info: WeightInfo,
  sources: readonly ByteSource[],
  rows: number,
): Weight {
  if (sources.length === 1) return concatenatedWeight(info, sources);
  return weight(info, sources, () => interleaveRows(sources, rows));
}

function weight(
  info: WeightInfo,
  sources: readonly ByteSource[],
  read: () => AsyncIterable<Uint8Array>,
): Weight {
  const bytes = sources.reduce((sum, { length }) => sum + length, 0);
  return generatedWeight(info, bytes, read);
}

/** A weight whose bytes are generated in parts of any size. */
export function generatedWeight(
  info: WeightInfo,
  bytes: number,
  parts: () => AsyncIterable<Uint8Array>,
): Weight {
  return { ...info, bytes, chunks: () => inChunks(parts(), bytes) };
}

async function* concatenate(
  sources: readonly ByteSource[],
): AsyncGenerator<Uint8Array> {
  for (const source of sources) {
    for (let at = 0; at < source.length; at += CHUNK_BYTES) {
      yield readSource(source, at, Math.min(CHUNK_BYTES, source.length - at));
    }
  }
}

async function* interleaveRows(
  sources: readonly ByteSource[],
  rows: number,
): AsyncGenerator<Uint8Array> {
  const width = sources.reduce((sum, { length }) => sum + length, 0) / rows;
  const maxRows = Math.max(1, Math.floor(CHUNK_BYTES / width));
  for (let row = 0; row < rows; row += maxRows) {
    const count = Math.min(maxRows, rows - row);
    const all = new Uint8Array(count * width);
    let start = 0;
    for (const source of sources) {
      const each = source.length / rows;
      const part = await readSource(source, row * each, count * each);
      for (let r = 0; r < count; r++) {
        all.set(part.subarray(r * each, (r + 1) * each), r * width + start);
      }
      start += each;
    }
    yield all;
  }
}

export async function readSource(
  source: ByteSource,
  at: number,
  length: number,
): Promise<Uint8Array> {
  if ("read" in source) return source.read(at, length);
  if ("fill" in source) return new Uint8Array(length).fill(source.fill);
  const start = source.offset + at;
  try {
    return await bytesOf(source.blob.slice(start, start + length));
  } catch (error) {
    throw unreadable(source.file, error);
  }
}

/** Regroups parts of any size into chunks of `CHUNK_BYTES`, since the GPU takes
 * whole words only. Throws unless the parts add up to `bytes`. */
async function* inChunks(
  parts: AsyncIterable<Uint8Array>,
  bytes: number,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  let left = bytes;
  let chunk = new Uint8Array(Math.min(CHUNK_BYTES, left));
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
      chunk = new Uint8Array(Math.min(CHUNK_BYTES, left));
      filled = 0;
    }
  }
  if (left > 0) throw new Error(`A weight has fewer than ${bytes} bytes`);
}
