/** One axis of a picture on its way to a square. */
export interface Axis {
  /** Pixels of the picture. */
  readonly length: number;
  /** Pixels with the black border that it has before the resize, and where in
   * them the picture begins. */
  readonly padded: number;
  readonly offset: number;
  /** Pixels after the resize. */
  readonly resized: number;
  /** Which of these is the square's first. It is black where there is none,
   * before 0 and from `resized` on. */
  readonly first: number;
}

/** Which part of a picture comes to a square, and how. */
export interface Geometry {
  readonly x: Axis;
  readonly y: Axis;
  /** Of the square, in pixels. */
  readonly side: number;
}

/**
 * Whether columns are resized before rows, as Pillow 13 chooses. It shows, by
 * a step of 8-bit colour or two, as each pass is rounded. (Pillow 12 and before
 * do so only for pictures over 100 times as high as wide.)
 */
export function columnsFirst({ x, y }: Geometry): boolean {
  const rows = y.padded - y.resized;
  return rows > 0 && rows > 2 * (x.padded - x.resized);
}

/** Centred on a black square, then resized (Apple's predict.py). */
export function letterbox(
  width: number,
  height: number,
  side: number,
): Geometry {
  const padded = Math.max(width, height);
  const axis = (length: number): Axis => ({
    length,
    padded,
    offset: Math.floor((padded - length) / 2),
    resized: side,
    first: 0,
  });
  return { x: axis(width), y: axis(height), side };
}

/**
 * The shortest side to `side`, then the centre (CLIPImageProcessor of
 * transformers, both of its backends). The longer side is cut to whole pixels,
 * half a pixel too many is cut off at the left or the top. transformers.js
 * rounds the longer side to hundredths first and draws the half pixel.
 */
export function crop(width: number, height: number, side: number): Geometry {
  const short = Math.min(width, height);
  const axis = (length: number): Axis => {
    const resized = Math.trunc((side * length) / short);
    return unpadded(length, resized, Math.floor((resized - side) / 2));
  };
  return { x: axis(width), y: axis(height), side };
}

/** Both sides to `side`, whatever that does to the picture. */
export function stretch(width: number, height: number, side: number): Geometry {
  return { x: unpadded(width, side, 0), y: unpadded(height, side, 0), side };
}

/**
 * One square of a grid of `grid` x `grid`, on which the picture lies as large
 * as it can, centred on black (LLaVA's `resize_and_pad_image`, which pads after
 * the resize and rounds the shorter side up).
 */
export function gridSquare(
  width: number,
  height: number,
  side: number,
  grid: number,
  column: number,
  row: number,
): Geometry {
  const whole = side * grid;
  const scale = Math.min(whole / width, whole / height);
  const axis = (length: number, index: number): Axis => {
    const resized = Math.min(Math.ceil(length * scale), whole);
    const border = Math.floor((whole - resized) / 2);
    return unpadded(length, resized, index * side - border);
  };
  return { x: axis(width, column), y: axis(height, row), side };
}

function unpadded(length: number, resized: number, first: number): Axis {
  return { length, padded: length, offset: 0, resized, first };
}
