import code from "./assembly/resize.ts?asc=local";
import { columnsFirst, type Axis, type Geometry } from "./resize-geometry";
import {
  makeResizeWeights,
  sourceRange,
  type ResizeWeights,
} from "./resize-weights";

/**
 * Writes a rectangle of RGBA pixels, blended with the background, to `target`, row by
 * row. `x` and `y` are even, and so are the sizes, except at the edges of an image of odd
 * size: chroma of video has half the size.
 */
export type ReadPixels = (
  x: number,
  y: number,
  width: number,
  height: number,
  target: Uint8Array<ArrayBuffer>,
) => void | Promise<void>;

/** Pixels are read in bands of about this many, to avoid a full copy. */
const BAND_PIXELS = 1 << 20;

const PAGE = 1 << 16;
const VECTOR = 16;
/** Bytes of a pixel: RGBA. */
const PIXEL = 4;
/** Weights in a block, and pixels or rows that may be read after the last one. */
const BLOCK = 4;

/** assembly/resize.ts */
interface Kernels {
  readonly resizeRows: (...args: number[]) => void;
  readonly resizeColumns: (...args: number[]) => void;
  readonly toPlanes: (...args: number[]) => void;
}

/** The weights of one axis in memory, as the kernels read them. */
interface Table {
  /** Addresses. */
  readonly spans: number;
  readonly weights: number;
  /** Bytes of the weights of one output. */
  readonly stride: number;
  /** The pixels that are read. */
  readonly from: number;
  readonly to: number;
}

/** Addresses and tables for images of one geometry. */
interface Plan {
  readonly key: string;
  readonly x: Table;
  readonly y: Table;
  /** Rows, or columns if these are resized first, in a band. */
  readonly bandLines: number;
  readonly band: number;
  /** The result of the first pass, and the bytes of a row of it. */
  readonly narrow: number;
  readonly narrowStride: number;
  readonly square: number;
  readonly planes: number;
}

/**
 * Resizes an image to a square like Pillow's BICUBIC, on the CPU. The result equals
 * that of resize.reference.ts bit for bit.
 */
export class WasmResizer {
  readonly #memory = new WebAssembly.Memory({ initial: 1 });
  readonly #kernels = instantiate(this.#memory);
  #plan: Plan | undefined;

  /** Planes R, G, B of floats from 0 to 1. Reads only the pixels that the square
   * shows. Calls must not overlap. */
  async run(
    read: ReadPixels,
    geometry: Geometry,
  ): Promise<Float32Array<ArrayBuffer>> {
    const { size } = geometry;
    const kernels = this.#kernels;
    const plan = this.#planFor(geometry);
    const { x, y, bandLines, band, narrow, narrowStride, square } = plan;
    const width = x.to - x.from;
    const height = y.to - y.from;
    const row = size * PIXEL;
    const view = (pixels: number): Uint8Array<ArrayBuffer> =>
      new Uint8Array(this.#memory.buffer, band, pixels * PIXEL);
    if (columnsFirst(geometry)) {
      for (let at = 0; at < width; at += bandLines) {
        const columns = Math.min(bandLines, width - at);
        await read(
          x.from + at,
          y.from,
          columns,
          height,
          view(columns * height),
        );
        const bytes = columns * PIXEL;
        const target = narrow + at * PIXEL;
        kernels.resizeColumns(
          ...[band, bytes, target, narrowStride, ...argumentsOf(y)],
          ...[bytes, 0, size],
        );
      }
      kernels.resizeRows(
        ...[narrow, narrowStride, square, row, ...argumentsOf(x)],
        ...[size, 0, size],
      );
    } else {
      for (let at = 0; at < height; at += bandLines) {
        const rows = Math.min(bandLines, height - at);
        await read(x.from, y.from + at, width, rows, view(width * rows));
        const target = narrow + at * narrowStride;
        kernels.resizeRows(
          ...[band, width * PIXEL, target, narrowStride, ...argumentsOf(x)],
          ...[size, 0, rows],
        );
      }
      kernels.resizeColumns(
        ...[narrow, narrowStride, square, row, ...argumentsOf(y)],
        ...[row, 0, size],
      );
    }
    const pixels = size * size;
    const plane = pixels * Float32Array.BYTES_PER_ELEMENT;
    kernels.toPlanes(square, plan.planes, plane, 0, pixels);
    const { buffer } = this.#memory;
    return new Float32Array(buffer, plan.planes, 3 * pixels).slice();
  }

  #planFor(geometry: Geometry): Plan {
    const key = JSON.stringify(geometry);
    if (this.#plan?.key !== key) {
      this.#plan = makePlan(key, geometry, this.#memory);
    }
    return this.#plan;
  }
}

function instantiate(memory: WebAssembly.Memory): Kernels {
  const bytes = Uint8Array.from(atob(code), (char) => char.charCodeAt(0));
  const module = new WebAssembly.Module(bytes);
  const { exports } = new WebAssembly.Instance(module, { env: { memory } });
  return exports as unknown as Kernels;
}

function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}

function argumentsOf({ spans, weights, stride }: Table): number[] {
  return [spans, weights, stride];
}

function makePlan(
  key: string,
  geometry: Geometry,
  memory: WebAssembly.Memory,
): Plan {
  const { size } = geometry;
  let end = 0;
  const allocate = (bytes: number): number => {
    const address = end;
    end += roundUp(bytes, VECTOR);
    const missing = end - memory.buffer.byteLength;
    if (missing > 0) memory.grow(Math.ceil(missing / PAGE));
    return address;
  };
  const write = (data: Int32Array | Int16Array): number => {
    const address = allocate(data.byteLength);
    const bytes = new Uint8Array(data.buffer);
    new Uint8Array(memory.buffer).set(bytes, address);
    return address;
  };
  const tableOf = (axis: Axis): Table => {
    const weights = makeResizeWeights(axis, size);
    const [first, end] = sourceRange(weights, 0, size);
    const from = first - (first % 2);
    const to = Math.min(roundUp(end, 2), axis.length);
    const packed = pack(weights, size, from);
    const { stride } = packed;
    const spans = write(packed.spans);
    return { spans, weights: write(packed.weights), stride, from, to };
  };
  const x = tableOf(geometry.x);
  const y = tableOf(geometry.y);
  const width = x.to - x.from;
  const height = y.to - y.from;
  const turned = columnsFirst(geometry);
  const [length, lines] = turned ? [height, width] : [width, height];
  // Whole vectors of columns, and an even number of rows.
  const most = Math.floor(BAND_PIXELS / Math.max(1, length) / BLOCK) * BLOCK;
  const bandLines = Math.max(BLOCK, Math.min(most, roundUp(lines, BLOCK)));
  const narrowStride = (turned ? roundUp(width, BLOCK) : size) * PIXEL;
  const narrowRows = turned ? size : height + BLOCK;
  // The kernels may read a few pixels and rows after the last.
  const bandPixels = (length + BLOCK) * (bandLines + BLOCK);
  const band = allocate(bandPixels * PIXEL);
  const narrow = allocate(narrowRows * narrowStride + VECTOR);
  const square = allocate(size * size * PIXEL);
  const planes = allocate(3 * size * size * Float32Array.BYTES_PER_ELEMENT);
  const addresses = { band, narrow, square, planes };
  return { key, x, y, bandLines, narrowStride, ...addresses };
}

/** Spans and blocks of weights as in assembly/resize.ts; spans start at `from`. */
function pack(
  { start, count, weights, stride }: ResizeWeights,
  size: number,
  from: number,
): { spans: Int32Array; weights: Int16Array; stride: number } {
  const blocks = Math.ceil(stride / BLOCK);
  const spans = new Int32Array(size * 2);
  const packed = new Int16Array(size * blocks * BLOCK * 2);
  for (let i = 0; i < size; i++) {
    const used = count[i] ?? NaN;
    if (used === 0) continue;
    spans[i * 2] = (start[i] ?? NaN) - from;
    spans[i * 2 + 1] = Math.ceil(used / BLOCK);
    for (let k = 0; k < used; k++) {
      const weight = weights[i * stride + k] ?? NaN;
      const at = (i * blocks * BLOCK + k - (k % 2)) * 2 + (k % 2);
      packed[at] = weight >> 8;
      packed[at + 2] = weight & 255;
    }
  }
  return { spans, weights: packed, stride: blocks * BLOCK * 2 * 2 };
}
