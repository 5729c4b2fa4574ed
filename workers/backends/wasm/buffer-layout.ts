/** A buffer of a program, used from step `first` to step `last`. */
export interface BufferUse {
  readonly bytes: number;
  readonly first: number;
  readonly last: number;
}

interface Placed extends BufferUse {
  readonly offset: number;
}

export interface BufferLayout<T extends BufferUse> {
  readonly bytes: number;
  readonly offsets: ReadonlyMap<T, number>;
}

/** The size of a cache line. */
const ALIGNMENT = 64;

/** Places buffers in one block of memory; buffers that are never in use at the same
 * time may share bytes. The largest are placed first, each as low as possible. */
export function layOutBuffers<T extends BufferUse>(
  buffers: readonly T[],
): BufferLayout<T> {
  const placed: Placed[] = [];
  const offsets = new Map<T, number>();
  let bytes = 0;
  for (const buffer of [...buffers].sort((a, b) => b.bytes - a.bytes)) {
    const size = Math.ceil(buffer.bytes / ALIGNMENT) * ALIGNMENT;
    const { first, last } = buffer;
    let offset = 0;
    for (const other of placed) {
      const meets = other.first <= last && first <= other.last;
      if (!meets || other.offset + other.bytes <= offset) continue;
      if (offset + size <= other.offset) break;
      offset = other.offset + other.bytes;
    }
    const next = placed.findIndex((other) => other.offset > offset);
    const index = next === -1 ? placed.length : next;
    placed.splice(index, 0, { offset, bytes: size, first, last });
    offsets.set(buffer, offset);
    bytes = Math.max(bytes, offset + size);
  }
  return { bytes, offsets };
}
