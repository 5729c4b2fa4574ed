/** Weights of our vision graphs, computed from the published ones in parts. */
import { toHalf } from "../../../util/float16";
import { BYTES_PER_FLOAT, type FloatType } from "../../../ort/tensor-rows";
import { isFloatType, decodeBytes, type GraphTensor } from "./graph-tensor";
import {
  viewSize,
  offsetsOf,
  shapeOf,
  sliced,
  transposed,
  type StridedView,
} from "./strided-view";
import { multiplyChannels } from "./vision-fusion";
import type { PerChannel, KernelTerm, LayerOf } from "./vision-layers";
import {
  generatedWeight,
  concatenatedWeight,
  type Weight,
  readSource,
  type ByteSource,
} from "./weight";
import { UnsupportedGraph } from "../../backend";

function encodeFloats(type: FloatType, numbers: ArrayLike<number>): Uint8Array {
  const floats = new Float32Array(numbers);
  return new Uint8Array(
    type === "float16" ? toHalf(floats).buffer : floats.buffer,
  );
}

export function vectorWeight(
  name: string,
  type: FloatType,
  numbers: PerChannel,
  count: number,
): Weight {
  const all =
    typeof numbers === "number"
      ? new Float64Array(count).fill(numbers)
      : numbers;
  const info = { name, type, dims: [count] };
  return generatedWeight(info, count * BYTES_PER_FLOAT[type], () =>
    encodeParts(type, [all]),
  );
}

async function* encodeParts(
  type: FloatType,
  parts: Iterable<Float64Array> | AsyncIterable<Float64Array>,
): AsyncGenerator<Uint8Array> {
  for await (const part of parts) yield encodeFloats(type, part);
}

export function kernelWeight(
  name: string,
  type: FloatType,
  kernel: SummedKernel,
): Weight {
  const { terms, shape, asMatMul } = kernel;
  const [out, within] = shape;
  const dims = asMatMul ? [within, out] : shape;
  const info = { name, type, dims };
  for (const term of terms) checkReadable(term, asMatMul);
  const [only, ...more] = terms;
  const alone = more.length === 0 && only?.scale === 1;
  const stored = alone ? only.weight : undefined;
  if (stored?.tensor.type === type) {
    const source = contiguousBytes(
      rowsFirst(stored.view, asMatMul),
      stored.tensor,
    );
    if (source !== undefined) return concatenatedWeight(info, [source]);
  }
  const bytes = dims.reduce((a, b) => a * b, 1) * BYTES_PER_FLOAT[type];
  return generatedWeight(info, bytes, () =>
    encodeParts(type, kernelValues(kernel)),
  );
}

/** Throws for a weight that could not be read row by row later. */
function checkReadable({ weight }: KernelTerm, asMatMul: boolean): void {
  if (weight === undefined) return;
  const { tensor, view } = weight;
  const { numbers, source, name, type } = tensor;
  if (numbers === undefined && source === undefined) {
    throw new UnsupportedGraph(`weight ${name} is not stored as raw bytes`);
  }
  const [rows = []] = rowsFirst(view, asMatMul).dims;
  if (rows.length > 1 || !isFloatType(type)) {
    throw new UnsupportedGraph(`weight ${name} is not stored row by row`);
  }
}

/** A kernel [out, in, height, width] that is a sum of terms. */
export interface SummedKernel {
  readonly terms: readonly KernelTerm[];
  readonly shape: readonly [number, number, number, number];
  /** Whether it is stored as a MatMul weight [in, out]. */
  readonly asMatMul: boolean;
}

/** Elements that are computed at once. */
const MAX_PART = 2 ** 20;

/** The view of a term's weight with the rows of the result first. */
function rowsFirst(view: StridedView, asMatMul: boolean): StridedView {
  return asMatMul ? transposed(view, [1, 0, 2, 3]) : view;
}

/** The bytes of a view, if they are contiguous in the file. */
function contiguousBytes(view: StridedView, { source, type }: GraphTensor) {
  const width = isFloatType(type) ? BYTES_PER_FLOAT[type] : undefined;
  if (source === undefined || !("blob" in source) || width === undefined) {
    return undefined;
  }
  let step = 1;
  for (const { size, stride } of view.dims.flat().reverse()) {
    if (stride !== step) return undefined;
    step *= size;
  }
  const length = viewSize(view) * width;
  return { ...source, offset: source.offset + view.offset * width, length };
}

/** The elements of a kernel, in parts of whole rows. */
async function* kernelValues({
  terms,
  shape,
  asMatMul,
}: SummedKernel): AsyncGenerator<Float64Array> {
  const [out, within, height, width] = shape;
  const [rows, columns] = asMatMul ? [within, out] : [out, within];
  const most = Math.max(1, Math.floor(MAX_PART / (columns * height * width)));
  const sources = terms.map((term) => new TermReader(term, asMatMul));
  for (let first = 0; first < rows; first += most) {
    const count = Math.min(most, rows - first);
    const all = new Float64Array(count * columns * height * width);
    const block = { all, first, count, columns, height, width };
    for (const source of sources) await source.addTo(block);
    yield all;
  }
}

interface RowBlock {
  readonly all: Float64Array;
  /** Row of the kernel that the block starts with. */
  readonly first: number;
  readonly count: number;
  readonly columns: number;
  readonly height: number;
  readonly width: number;
}

/** Reads the rows of one term; a weight that is not contiguous is kept in memory. */
class TermReader {
  readonly #term: KernelTerm;
  readonly #asMatMul: boolean;
  #scattered: Float64Array | undefined;

  constructor(term: KernelTerm, asMatMul: boolean) {
    this.#term = term;
    this.#asMatMul = asMatMul;
  }

  async addTo(block: RowBlock): Promise<void> {
    const { weight } = this.#term;
    if (weight === undefined) {
      this.#addIdentity(block);
      return;
    }
    const { tensor, view } = weight;
    const { first, count } = block;
    const part = sliced(rowsFirst(view, this.#asMatMul), 0, first, count);
    const [, , height = 1, width = 1] = shapeOf(view);
    this.#add(block, await this.#numbers(tensor, part), height, width);
  }

  #addIdentity({ all, first, count, columns, height, width }: RowBlock): void {
    const middle = ((height - 1) / 2) * width + (width - 1) / 2;
    for (let row = 0; row < count; row++) {
      const column = (first + row) % columns;
      const at = (row * columns + column) * height * width + middle;
      all[at] = (all[at] ?? NaN) + this.#scale(first + row);
    }
  }

  /** Adds a block of rows, its kernels centred in the window. */
  #add(
    block: RowBlock,
    numbers: Float64Array,
    own: number,
    across: number,
  ): void {
    const { all, first, count, columns, height, width } = block;
    const corner = ((height - own) / 2) * width + (width - across) / 2;
    let from = 0;
    for (let row = 0; row < count; row++) {
      for (let column = 0; column < columns; column++) {
        const scale = this.#scale(this.#asMatMul ? column : first + row);
        const start = (row * columns + column) * height * width + corner;
        for (let y = 0; y < own; y++) {
          for (let x = 0; x < across; x++) {
            const at = start + y * width + x;
            all[at] = (all[at] ?? NaN) + (numbers[from] ?? NaN) * scale;
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

  async #numbers(
    tensor: GraphTensor,
    view: StridedView,
  ): Promise<Float64Array> {
    const run =
      tensor.numbers === undefined ? contiguousBytes(view, tensor) : undefined;
    if (run !== undefined) {
      return decodeBytes(tensor.type, await readSource(run, 0, run.length));
    }
    const all = (this.#scattered ??= await readAll(tensor));
    const offsets = offsetsOf(view);
    const numbers = new Float64Array(offsets.length);
    // A loop, because `from` with a function is ten times slower.
    for (let i = 0; i < numbers.length; i++) {
      numbers[i] = all[offsets[i] ?? NaN] ?? NaN;
    }
    return numbers;
  }
}

async function readAll(tensor: GraphTensor): Promise<Float64Array> {
  if (tensor.numbers !== undefined) return tensor.numbers;
  const { source, type, name } = tensor;
  if (source === undefined)
    throw new UnsupportedGraph(`weight ${name} is not stored as raw bytes`);
  return decodeBytes(type, await readSource(source, 0, source.length));
}

interface QuantizedWeights {
  readonly packed: Weight;
  readonly scales: Weight;
  readonly zeros?: Weight;
}

export function quantizedWeights(
  name: string,
  layer: LayerOf<"quantized">,
): QuantizedWeights {
  const { packed, scales, zeros, channels } = layer;
  const rows = layer.rows ?? { first: 0, count: channels, of: channels };
  const part = (kind: string, tensor: GraphTensor): Weight => {
    const source = rowsSource(tensor, rows);
    const dims = rowsShape(tensor, rows);
    return concatenatedWeight(
      { name: `${name}.${kind}`, type: tensor.type, dims },
      [source],
    );
  };
  return {
    packed: part("packed", packed),
    scales:
      layer.scale === 1
        ? part("scales", scales)
        : rescaledScales(part("scales", scales), layer),
    ...(zeros && { zeros: part("zeros", zeros) }),
  };
}

interface RowRange {
  readonly first: number;
  readonly count: number;
  readonly of: number;
}

function rowsSource(
  { source, name }: GraphTensor,
  { first, count, of }: RowRange,
): ByteSource & { blob: Blob } {
  if (source === undefined || !("blob" in source) || source.length % of !== 0) {
    throw new UnsupportedGraph(`weight ${name} is not stored row by row`);
  }
  const row = source.length / of;
  return {
    ...source,
    offset: source.offset + first * row,
    length: count * row,
  };
}

/** Shape of the rows; the first dimension may hold several values per row. */
function rowsShape(
  { dims, name }: GraphTensor,
  { count, of }: RowRange,
): number[] {
  const [rows = 0, ...rest] = dims;
  if (rows % of !== 0)
    throw new UnsupportedGraph(`weight ${name} is not stored row by row`);
  return [(rows / of) * count, ...rest];
}

function rescaledScales(
  weight: Weight,
  { scale, channels }: LayerOf<"quantized">,
): Weight {
  const type = weight.type as FloatType;
  return generatedWeight(weight, weight.bytes, async function* () {
    const parts: Uint8Array[] = [];
    for await (const chunk of weight.chunks()) parts.push(chunk);
    const numbers = parts.flatMap((part) => [...decodeBytes(type, part)]);
    const each = numbers.length / channels;
    const by = Float64Array.from(numbers, (_, i) =>
      typeof scale === "number" ? scale : (scale[Math.floor(i / each)] ?? NaN),
    );
    yield encodeFloats(
      type,
      multiplyChannels(Float64Array.from(numbers), by) as Float64Array,
    );
  });
}
