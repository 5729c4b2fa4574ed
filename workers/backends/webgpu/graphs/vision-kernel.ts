/** Kernels made of terms, some lines of them at a time. */
import type { Term } from "./vision-layers";
import { decodedBytes, type Tensor } from "./vision-tensor";
import {
  countOf,
  placesOf,
  shapeOf,
  sliced,
  transposed,
  type View,
} from "./vision-view";
import { readPiece, UnsupportedGraph } from "./weight";

/** A sum of kernels [out, in, height, width], or of matrices [in, out]. */
export interface Kernel {
  readonly terms: readonly Term[];
  readonly shape: readonly [number, number, number, number];
  /** As a MatMul has it. */
  readonly turned: boolean;
}

/** Elements that are made at once. */
const PART = 2 ** 20;

const BYTES: Readonly<Record<string, number>> = { float32: 4, float16: 2 };

/** A term's weight with its lines first. */
export function linesOf(view: View, turned: boolean): View {
  return turned ? transposed(view, [1, 0, 2, 3]) : view;
}

/** Where the view's elements lie, if they lie there one after another. */
export function runOf(view: View, { piece, type }: Tensor) {
  const width = BYTES[type];
  if (piece === undefined || "fill" in piece || width === undefined) {
    return undefined;
  }
  let step = 1;
  for (const { size, stride } of view.dims.flat().reverse()) {
    if (stride !== step) return undefined;
    step *= size;
  }
  const length = countOf(view) * width;
  return { ...piece, offset: piece.offset + view.offset * width, length };
}

/** All numbers of the kernel, in parts. */
export async function* numbersOfKernel({
  terms,
  shape,
  turned,
}: Kernel): AsyncGenerator<Float64Array> {
  const [out, within, height, width] = shape;
  const [rows, columns] = turned ? [within, out] : [out, within];
  const most = Math.max(1, Math.floor(PART / (columns * height * width)));
  const sources = terms.map((term) => new Source(term, turned));
  for (let first = 0; first < rows; first += most) {
    const count = Math.min(most, rows - first);
    const all = new Float64Array(count * columns * height * width);
    const lines = { all, first, count, columns, height, width };
    for (const source of sources) await source.addTo(lines);
    yield all;
  }
}

interface Lines {
  readonly all: Float64Array;
  /** The first line is this one of the kernel. */
  readonly first: number;
  readonly count: number;
  readonly columns: number;
  readonly height: number;
  readonly width: number;
}

/** One term; numbers that lie scattered stay in memory until the last line. */
class Source {
  readonly #term: Term;
  readonly #turned: boolean;
  #scattered: Float64Array | undefined;

  constructor(term: Term, turned: boolean) {
    this.#term = term;
    this.#turned = turned;
  }

  async addTo(lines: Lines): Promise<void> {
    const { weight } = this.#term;
    if (weight === undefined) {
      this.#addIdentity(lines);
      return;
    }
    const { tensor, view } = weight;
    const { first, count } = lines;
    const part = sliced(linesOf(view, this.#turned), 0, first, count);
    const [, , height = 1, width = 1] = shapeOf(view);
    this.#add(lines, await this.#numbers(tensor, part), height, width);
  }

  #addIdentity({ all, first, count, columns, height, width }: Lines): void {
    const middle = ((height - 1) / 2) * width + (width - 1) / 2;
    for (let line = 0; line < count; line++) {
      const column = (first + line) % columns;
      const at = (line * columns + column) * height * width + middle;
      all[at] = (all[at] ?? 0) + this.#scale(first + line);
    }
  }

  /** Kernels of another size go into the middle. */
  #add(lines: Lines, numbers: Float64Array, own: number, across: number): void {
    const { all, first, count, columns, height, width } = lines;
    const corner = ((height - own) / 2) * width + (width - across) / 2;
    let from = 0;
    for (let line = 0; line < count; line++) {
      for (let column = 0; column < columns; column++) {
        const scale = this.#scale(this.#turned ? column : first + line);
        const start = (line * columns + column) * height * width + corner;
        for (let y = 0; y < own; y++) {
          for (let x = 0; x < across; x++) {
            const at = start + y * width + x;
            all[at] = (all[at] ?? 0) + (numbers[from] ?? NaN) * scale;
            from += 1;
          }
        }
      }
    }
  }

  #scale(channel: number): number {
    const { scale } = this.#term;
    return typeof scale === "number" ? scale : (scale[channel] ?? NaN);
  }

  async #numbers(tensor: Tensor, view: View): Promise<Float64Array> {
    const run = tensor.numbers === undefined ? runOf(view, tensor) : undefined;
    if (run !== undefined) {
      return decodedBytes(tensor.type, await readPiece(run, 0, run.length));
    }
    const all = (this.#scattered ??= await readAll(tensor));
    const places = placesOf(view);
    return Float64Array.from(places, (place) => all[place] ?? NaN);
  }
}

async function readAll(tensor: Tensor): Promise<Float64Array> {
  if (tensor.numbers !== undefined) return tensor.numbers;
  const { piece, type, name } = tensor;
  if (piece === undefined)
    throw new UnsupportedGraph(`${name} is not stored as bytes`);
  return decodedBytes(type, await readPiece(piece, 0, piece.length));
}
