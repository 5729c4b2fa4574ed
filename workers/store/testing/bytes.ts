import { sha256 } from "hash-wasm";

export type Bytes = Uint8Array<ArrayBuffer>;

/** The same bytes for the same seed. */
export function bytesOf(length: number, seed: number): Bytes {
  const random = randomOf(seed);
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = random() * 256;
  return bytes;
}

/** mulberry32 */
export function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** Small enough to compare and to print. */
export async function hashes(
  files: Readonly<Record<string, Bytes | Blob>>,
): Promise<Record<string, string>> {
  const entries = Object.entries(files).map(async ([path, file]) => {
    const bytes =
      file instanceof Blob ? new Uint8Array(await file.arrayBuffer()) : file;
    return [path, `${bytes.length} ${await sha256(bytes)}`] as const;
  });
  return Object.fromEntries(await Promise.all(entries));
}
