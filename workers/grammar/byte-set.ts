/** A set of bytes; element `b` is 1 if the set contains byte `b`. */
export type ByteSet = Uint8Array;

export function byteSet(bytes: Iterable<number>): ByteSet {
  const set = new Uint8Array(256);
  for (const byte of bytes) set[byte] = 1;
  return set;
}

export function byteRange(first: number, last: number): ByteSet {
  return new Uint8Array(256).fill(1, first, last + 1);
}

export function unionOf(a: ByteSet, b: ByteSet): ByteSet {
  return a.map((has, byte) => has | (b[byte] ?? 0));
}

/** The byte that the shortest answer prefers. */
export function preferredByte(set: ByteSet): number | undefined {
  return BY_PREFERENCE.find((byte) => set[byte] === 1);
}

/** All bytes: a space, then letters, then the others. */
export const BY_PREFERENCE: readonly number[] = [...new Uint8Array(256).keys()]
  .map((byte) => ({ byte, rank: rankOf(byte) }))
  .sort((a, b) => a.rank - b.rank || a.byte - b.byte)
  .map(({ byte }) => byte);

function rankOf(byte: number): number {
  if (byte === 0x20) return 0;
  return byte >= 0x61 && byte <= 0x7a ? 1 : 2;
}
