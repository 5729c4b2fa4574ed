/** Weights of the layers, made of those in the files piece by piece. */
import { toHalf } from "../ort/half";
import type { PerChannel, Term, Window } from "./vision-layers";
import { decodedBytes, type Tensor } from "./vision-tensor";
import {
  countOf,
  placesOf,
  shapeOf,
  sliced,
  transposed,
  type View,
} from "./vision-view";
import { computed, readPiece, stacked, Unfit, type Weight } from "./weight";

export type Float = "float32" | "float16";

const BYTES = { float32: 4, float16: 2 };

/** Elements that are made at once. */
const PART = 2 ** 20;

export function encoded(type: Float, numbers: ArrayLike<number>): Uint8Array {
  const floats = Float32Array.from(numbers);
  return new Uint8Array(
    type === "float16" ? toHalf(floats).buffer : floats.buffer,
  );
}

export function vector(
  name: string,
  type: Float,
  numbers: PerChannel,
  count: number,
): Weight {
  const all =
    typeof numbers === "number"
      ? new Float64Array(count).fill(numbers)
      : numbers;
  return computed({ name, type, dims: [count] }, count * BYTES[type], () =>
    once(encoded(type, all)),
  );
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(bytes);
}

/** A sum of kernels [out, in, height, width], or of matrices [in, out]. */
export interface Kernel {
  readonly terms: readonly Term[];
  readonly shape: readonly [number, number, number, number];
  readonly window: Window;
  /** As a MatMul has it. */
  readonly turned: boolean;
}

export function kernelWeight(
  name: string,
  type: Float,
  kernel: Kernel,
): Weight {
  const { terms, shape, turned } = kernel;
  const [out, within] = shape;
  const dims = turned ? [within, out] : shape;
  const facts = { name, type, dims };
  terms.forEach((term) => {
    check(term, turned);
  });
  const [only, ...more] = terms;
  const stored =
    more.length === 0 && only?.scale === 1 ? only.weight : undefined;
  if (stored?.tensor.piece !== undefined && stored.tensor.type === type) {
    const view = turned ? inRows(stored.view) : stored.view;
    const piece = runOf(view, stored.tensor, BYTES[type]);
    if (piece !== undefined) return stacked(facts, [piece]);
  }
  const bytes = dims.reduce((a, b) => a * b, 1) * BYTES[type];
  return computed(facts, bytes, () => partsOf(kernel, type));
}

/** What would stop the reading of a weight later on. */
function check({ weight }: Term, turned: boolean): void {
  if (weight === undefined) return;
  const { tensor, view } = weight;
  const { numbers, piece, name, type } = tensor;
  if (numbers === undefined && piece === undefined) {
    throw new Unfit(`${name} is not stored as bytes`);
  }
  const [rows = []] = (turned ? inRows(view) : view).dims;
  if (rows.length > 1 || !["float32", "float16"].includes(type)) {
    throw new Unfit(`${name} is not stored row by row`);
  }
}

const inRows = (view: View) => transposed(view, [1, 0, 2, 3]);

/** Where the view's elements lie, if they lie there one after another. */
function runOf(view: View, { piece }: Tensor, width: number) {
  if (piece === undefined || "fill" in piece) return undefined;
  let step = 1;
  for (const { size, stride } of view.dims.flat().reverse()) {
    if (stride !== step) return undefined;
    step *= size;
  }
  const length = countOf(view) * width;
  return { ...piece, offset: piece.offset + view.offset * width, length };
}

async function* partsOf(
  { terms, shape, window, turned }: Kernel,
  type: Float,
): AsyncGenerator<Uint8Array> {
  const [out, within, height, width] = shape;
  const area = height * width;
  const [rows, columns] = turned ? [within, out] : [out, within * area];
  const most = Math.max(1, Math.floor(PART / columns));
  const sources = terms.map((term) => new Source(term));
  for (let row = 0; row < rows; row += most) {
    const count = Math.min(most, rows - row);
    const all = new Float64Array(count * columns);
    for (const source of sources) {
      await source.addTo(all, { row, count, shape, window, turned });
    }
    yield encoded(type, all);
  }
}

interface Rows {
  readonly row: number;
  readonly count: number;
  readonly shape: readonly [number, number, number, number];
  readonly window: Window;
  readonly turned: boolean;
}

/** One term, whose numbers stay in memory while a weight is made of them. */
class Source {
  readonly #term: Term;
  #all: Float64Array | undefined;

  constructor(term: Term) {
    this.#term = term;
  }

  async addTo(all: Float64Array, rows: Rows): Promise<void> {
    const { weight, scale } = this.#term;
    const { row, count, shape, turned } = rows;
    const [out, within, height, width] = shape;
    const by = (i: number) =>
      typeof scale === "number" ? scale : (scale[i] ?? 0);
    const middle = Math.floor(height / 2) * width + Math.floor(width / 2);
    if (weight === undefined) {
      for (let i = row; i < row + count; i++) {
        if (turned)
          all[(i - row) * out + i] = (all[(i - row) * out + i] ?? 0) + by(i);
        else {
          const at =
            ((i - row) * within + (i % within)) * height * width + middle;
          all[at] = (all[at] ?? 0) + by(i);
        }
      }
      return;
    }
    const view = sliced(
      turned ? inRows(weight.view) : weight.view,
      0,
      row,
      count,
    );
    const numbers = (this.#all ??= await readAll(weight.tensor));
    const [, , h = 1, w = 1] = shapeOf(weight.view);
    const [top, left] = [(height - h) / 2, (width - w) / 2];
    const columns = turned ? out : within;
    placesOf(view).forEach((place, n) => {
      const x = n % w;
      const y = Math.floor(n / w) % h;
      const column = Math.floor(n / (w * h)) % columns;
      const line = Math.floor(n / (w * h * columns));
      const at =
        ((line * columns + column) * height + y + top) * width + x + left;
      const channel = turned ? column : row + line;
      all[at] = (all[at] ?? 0) + (numbers[place] ?? NaN) * by(channel);
    });
  }
}

async function readAll(tensor: Tensor): Promise<Float64Array> {
  if (tensor.numbers !== undefined) return tensor.numbers;
  const { piece, type, name } = tensor;
  if (piece === undefined) throw new Unfit(`${name} is not stored as bytes`);
  return decodedBytes(type, await readPiece(piece, 0, piece.length));
}
