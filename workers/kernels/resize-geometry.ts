/** How one axis of an image is resized to a square. */
export interface Axis {
  /** Pixels of the image. */
  readonly length: number;
  /** Pixels with the black border that is added before the resize, and where in
   * them the image begins. */
  readonly padded: number;
  readonly offset: number;
  /** Pixels after the resize. */
  readonly resized: number;
  /** Index of the first resized pixel in the square. The square is black before 0
   * and from `resized` on. */
  readonly first: number;
}

/** How an image is fitted to a square. */
export interface Geometry {
  readonly x: Axis;
  readonly y: Axis;
  /** Size of the square in pixels. */
  readonly size: number;
}

/**
 * Whether columns are resized before rows, as in Pillow 13. The order changes
 * results by one or two steps of 8-bit colour, because each pass is rounded.
 * (Pillow 12 and older only do so for images over 100 times as high as wide.)
 */
export function columnsFirst({ x, y }: Geometry): boolean {
  const rows = y.padded - y.resized;
  return rows > 0 && rows > 2 * (x.padded - x.resized);
}

/** Centres the image on a black square and resizes it (Apple's predict.py). */
export function letterbox(
  width: number,
  height: number,
  size: number,
): Geometry {
  const padded = Math.max(width, height);
  const axis = (length: number): Axis => ({
    length,
    padded,
    offset: Math.floor((padded - length) / 2),
    resized: size,
    first: 0,
  });
  return { x: axis(width), y: axis(height), size };
}

/**
 * Resizes the shorter size to `size` and crops the centre, like both backends of
 * transformers' CLIPImageProcessor. The longer size is truncated to whole pixels,
 * and an odd pixel is cut off at the left or the top. (transformers.js rounds the
 * longer size to hundredths and draws half a pixel.)
 */
export function crop(width: number, height: number, size: number): Geometry {
  const short = Math.min(width, height);
  const axis = (length: number): Axis => {
    const resized = Math.trunc((size * length) / short);
    return unpadded(length, resized, Math.floor((resized - size) / 2));
  };
  return { x: axis(width), y: axis(height), size };
}

/** Resizes both sides to `size`, without keeping the aspect ratio. */
export function stretch(width: number, height: number, size: number): Geometry {
  return { x: unpadded(width, size, 0), y: unpadded(height, size, 0), size };
}

/**
 * One square of a grid of `grid` x `grid` squares, in which the image is as large
 * as possible, centred on black (LLaVA's `resize_and_pad_image`, which pads after
 * the resize and rounds the shorter size up).
 */
export function gridSquare(
  width: number,
  height: number,
  size: number,
  grid: number,
  column: number,
  row: number,
): Geometry {
  const whole = size * grid;
  const scale = Math.min(whole / width, whole / height);
  const axis = (length: number, index: number): Axis => {
    const resized = Math.min(Math.ceil(length * scale), whole);
    const border = Math.floor((whole - resized) / 2);
    return unpadded(length, resized, index * size - border);
  };
  return { x: axis(width, column), y: axis(height, row), size };
}

function unpadded(length: number, resized: number, first: number): Axis {
  return { length, padded: length, offset: 0, resized, first };
}
