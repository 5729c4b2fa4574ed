/** Image files that a canvas cannot write. */

type Bytes = Uint8Array<ArrayBuffer>;

const ascii = (text: string): number[] =>
  Array.from(text, (char) => char.charCodeAt(0));

const word = (value: number): number[] =>
  [24, 16, 8, 0].map((shift) => (value >>> shift) & 255);

function crc32(bytes: readonly number[]): number {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) {
      crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
    }
  }
  return ~crc >>> 0;
}

/** A PNG chunk. */
export function chunk(name: string, data: readonly number[]): number[] {
  const named = [...ascii(name), ...data];
  return [...word(data.length), ...named, ...word(crc32(named))];
}

/** PNG color types. */
export const GREY = 0;
export const RGB = 2;
export const PALETTE = 3;
export const RGBA = 6;

/** Every pixel has the bytes `pixel`; `chunks` stand before the pixels. */
export async function makePng(
  width: number,
  height: number,
  depth: 8 | 16,
  type: number,
  pixel: readonly number[],
  chunks: readonly number[] = [],
): Promise<Blob> {
  const row = [0, ...Array.from({ length: width }, () => pixel).flat()];
  const rows = Uint8Array.from(
    Array.from({ length: height }, () => row).flat(),
  );
  const zlib = new Blob([rows])
    .stream()
    .pipeThrough(new CompressionStream("deflate"));
  const data = new Uint8Array(await new Response(zlib).arrayBuffer());
  const header = [...word(width), ...word(height), depth, type, 0, 0, 0];
  const file = Uint8Array.of(
    ...[0x89, ...ascii("PNG\r\n\x1a\n")],
    ...chunk("IHDR", header),
    ...chunks,
    ...chunk("IDAT", [...data]),
    ...chunk("IEND", []),
  );
  return new Blob([file], { type: "image/png" });
}

/** TIFF with one entry, the orientation; in either byte order. */
export function exif(orientation: number, little = false): number[] {
  const short = (value: number): number[] => (little ? [value, 0] : [0, value]);
  const long = (value: number): number[] =>
    little ? [value, 0, 0, 0] : [0, 0, 0, value];
  return [
    ...ascii(little ? "II" : "MM"),
    ...[...short(42), ...long(8), ...short(1)],
    // 0x0112, a short, one of it.
    ...(little ? [0x12, 0x01] : [0x01, 0x12]),
    ...[...short(3), ...long(1), ...short(orientation), 0, 0],
    ...long(0),
  ];
}

/** A file that a canvas wrote, with an orientation put in. */
export async function withOrientation(
  file: Blob,
  orientation: number,
): Promise<Blob> {
  const bytes = new Uint8Array(await file.arrayBuffer());
  return new Blob([insertExif(bytes, file.type, orientation)], {
    type: file.type,
  });
}

function insertExif(bytes: Bytes, type: string, orientation: number): Bytes {
  if (type === "image/jpeg") {
    const data = [...ascii("Exif\0\0"), ...exif(orientation)];
    const segment = [0xff, 0xe1, 0, data.length + 2, ...data];
    return join(bytes.subarray(0, 2), segment, bytes.subarray(2));
  }
  if (type === "image/png") {
    // After the header chunk, which ends at byte 33.
    const eXIf = chunk("eXIf", exif(orientation));
    return join(bytes.subarray(0, 33), eXIf, bytes.subarray(33));
  }
  const data = exif(orientation, true);
  const length = [data.length, 0, 0, 0];
  const file = join(bytes, ascii("EXIF"), length, data);
  new DataView(file.buffer).setUint32(4, file.length - 8, true);
  return file;
}

function join(...parts: ArrayLike<number>[]): Bytes {
  return Uint8Array.from(parts.flatMap((part) => Array.from(part)));
}
