import { ascii } from "./image-format";

/**
 * EXIF orientation of a WebP file, 1 to 8; 1 if it has none. Browsers apply the
 * orientation of JPEG, PNG and AVIF, but Chromium does not apply that of WebP.
 */
export function webpOrientation(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  // RIFF, length, WEBP; then chunks of name, length and data, padded to even.
  let at = 12;
  while (at + 8 <= bytes.length) {
    const length = view.getUint32(at + 4, true);
    const data = at + 8;
    if (ascii(bytes, at, 4) === "EXIF") {
      const end = Math.min(data + length, bytes.length);
      // Some encoders write the six-byte prefix that EXIF has in JPEG.
      const head = ascii(bytes, data, 6) === "Exif\0\0" ? 6 : 0;
      return tiffOrientation(bytes.subarray(data + head, end));
    }
    at = data + length + (length % 2);
  }
  return 1;
}

const ORIENTATION = 0x0112;

function tiffOrientation(tiff: Uint8Array): number {
  const view = new DataView(tiff.buffer, tiff.byteOffset, tiff.byteLength);
  if (tiff.length < 8) return 1;
  const little = ascii(tiff, 0, 2) === "II";
  const directory = view.getUint32(4, little);
  if (directory + 2 > tiff.length) return 1;
  const count = view.getUint16(directory, little);
  for (let i = 0; i < count; i++) {
    const entry = directory + 2 + i * 12;
    if (entry + 12 > tiff.length) break;
    if (view.getUint16(entry, little) !== ORIENTATION) continue;
    const value = view.getUint16(entry + 8, little);
    return value >= 1 && value <= 8 ? value : 1;
  }
  return 1;
}

/** Whether the orientation swaps width and height. */
export function isTurned(orientation: number): boolean {
  return orientation >= 5;
}

type Matrix = [
  a: number,
  b: number,
  c: number,
  d: number,
  e: number,
  f: number,
];

/** The canvas transform that applies `orientation` to a stored image of `width` x
 * `height` pixels. */
export function orient(
  orientation: number,
  width: number,
  height: number,
): Matrix {
  const matrices: readonly Matrix[] = [
    [1, 0, 0, 1, 0, 0],
    [-1, 0, 0, 1, width, 0],
    [-1, 0, 0, -1, width, height],
    [1, 0, 0, -1, 0, height],
    [0, 1, 1, 0, 0, 0],
    [0, 1, -1, 0, height, 0],
    [0, -1, -1, 0, height, width],
    [0, -1, 1, 0, 0, width],
  ];
  return matrices[orientation - 1] ?? [1, 0, 0, 1, 0, 0];
}
