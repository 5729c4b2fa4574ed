import {
  crop,
  gridSquare,
  letterbox,
  stretch,
  type Geometry,
} from "../resize-geometry";
import type { PixelReader } from "../resize.reference";
import golden from "./resize.golden.json";

/** Edges and noise as RGBA; the same as in tools/fixtures/make_resize_golden.py. */
export function paint(
  width: number,
  height: number,
): Uint8ClampedArray<ArrayBuffer> {
  const words = new Uint32Array(width * height);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at++) {
      const noise = Math.imul(x * 73856093 + y * 19349663 + 1, 0x9e3779b1);
      const white = ((x >> 4) ^ (y >> 4)) & 1;
      words[at] = 0xff000000 | (white === 1 ? 0xffffff : noise >>> 8);
    }
  }
  return new Uint8ClampedArray(words.buffer);
}

/** Reads rectangles of an image in memory. */
export function readerOf(rgba: Uint8ClampedArray, width: number): PixelReader {
  return (x, y, columns, rows) => {
    const out = new Uint8ClampedArray(columns * rows * 4);
    for (let row = 0; row < rows; row++) {
      const from = ((y + row) * width + x) * 4;
      out.set(rgba.subarray(from, from + columns * 4), row * columns * 4);
    }
    return out;
  };
}

interface GoldenCase {
  readonly title: string;
  readonly width: number;
  readonly height: number;
  readonly size: number;
  /** The squares that are stacked in Pillow's result. */
  readonly squares: readonly Geometry[];
  readonly sha256: string;
  /** A row in the middle of the first square, R G B. */
  readonly middle: Uint8Array;
}

export const goldenCases = golden.cases.map((wanted): GoldenCase => {
  const { fit, width, height, side: size, sha256 } = wanted;
  return {
    title: `${fit} ${width}x${height} to ${size}`,
    width,
    height,
    size,
    squares: squaresOf(fit, width, height, size),
    sha256,
    middle: Uint8Array.from(atob(wanted.middle), (char) => char.charCodeAt(0)),
  };
});

/** An image of 48 megapixels, which takes the software adapter many seconds. */
export const isLarge = ({ width, height }: GoldenCase): boolean =>
  width * height > 10_000_000;

function squaresOf(
  fit: string,
  width: number,
  height: number,
  size: number,
): Geometry[] {
  if (fit === "letterbox") return [letterbox(width, height, size)];
  if (fit === "crop") return [crop(width, height, size)];
  if (fit === "stretch") return [stretch(width, height, size)];
  return [0, 1, 2, 3].map((i) =>
    gridSquare(width, height, size, 2, i % 2, Math.floor(i / 2)),
  );
}

/** Planes of 0..1 as the bytes R G B that they were before the division. */
function toBytes(planes: Float32Array, size: number): Uint8Array<ArrayBuffer> {
  const pixels = size * size;
  const bytes = new Uint8Array(3 * pixels);
  for (let i = 0; i < pixels; i++) {
    for (let channel = 0; channel < 3; channel++) {
      const value = planes[channel * pixels + i] ?? NaN;
      bytes[i * 3 + channel] = Math.round(value * 255);
    }
  }
  return bytes;
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", bytes);
  return Array.from(new Uint8Array(digest), (byte) =>
    byte.toString(16).padStart(2, "0"),
  ).join("");
}

/** Resizes every square with `resize` and compares with Pillow. */
export async function findDifference(
  wanted: GoldenCase,
  resize: (geometry: Geometry) => Float32Array | Promise<Float32Array>,
): Promise<string> {
  const { size, squares } = wanted;
  const all = new Uint8Array(squares.length * 3 * size * size);
  for (const [i, geometry] of squares.entries()) {
    all.set(toBytes(await resize(geometry), size), i * 3 * size * size);
  }
  const at = Math.floor(size / 2) * size * 3;
  const off = wanted.middle.findIndex((byte, i) => byte !== all[at + i]);
  if (off >= 0) {
    return `middle row, value ${off}: ${all[at + off] ?? NaN}, not ${wanted.middle[off] ?? NaN}`;
  }
  return (await sha256(all)) === wanted.sha256 ? "" : "outside the middle row";
}
