/** Block-quantized weights that DequantizeLinear unpacks, in the layout of
 * MatMulNBits. */
import type { OnnxNode } from "../../../onnx/onnx-protos";
import { UnsupportedGraph } from "../../backend";
import { elementCount, type Dataflow, type StoredTensor } from "./dataflow";
import { readSource, type ByteSource } from "./weight";

/** x W + b with a block-quantized weight: (q - zero point) · scale of its block. */
export interface QuantizedLinear {
  readonly kind: "quantized";
  readonly weight: StoredTensor;
  readonly scales: StoredTensor;
  readonly zeros?: StoredTensor;
  readonly inner: number;
  readonly outer: number;
  readonly bits: number;
  readonly blockSize: number;
  readonly accuracy: number;
  readonly bias?: StoredTensor;
}

interface ElementType {
  readonly bits: 4 | 8;
  readonly signed: boolean;
}

const TYPES: Readonly<Record<string, ElementType>> = {
  int4: { bits: 4, signed: true },
  uint4: { bits: 4, signed: false },
  int8: { bits: 8, signed: true },
  uint8: { bits: 8, signed: false },
};

/** Bytes of a scale. */
const SCALE_BYTES: Readonly<Record<string, number>> = {
  float32: 4,
  float16: 2,
};

/**
 * Reads DequantizeLinear of a weight [inner, outer] with one scale for a block of each
 * column. MatMulNBits has the columns as rows and unsigned numbers, in which the
 * middle of the range is zero unless there are zero points.
 */
export function readDequantized(
  flow: Dataflow,
  { inputs, outputs, attributes }: OnnxNode,
): QuantizedLinear {
  const [weight, scales, zeros] = inputs.map((name) => flow.storedTensor(name));
  const [inner = 0, outer = 0, ...more] = weight?.dims ?? [];
  const blockSize = attributes.get("block_size") ?? 0;
  const type = TYPES[weight?.type ?? ""];
  const scaleBytes = SCALE_BYTES[scales?.type ?? ""];
  const blocks = inner / blockSize;
  const hasZeros = (inputs[2] ?? "") !== "";
  const fits =
    more.length === 0 &&
    attributes.get("axis") === 0 &&
    Number.isInteger(blocks) &&
    scales?.dims.join() === [blocks, outer].join() &&
    hasZeros === (zeros !== undefined) &&
    (!zeros || elementCount(zeros) === blocks * outer);
  if (!fits || !weight || !scales || !type || scaleBytes === undefined) {
    throw new UnsupportedGraph(
      `DequantizeLinear ${outputs[0]} does not unpack blocks of the rows of a weight in 4 or 8 bits`,
    );
  }
  const { bits, signed } = type;
  const numbers = (tensor: StoredTensor, rows: number) =>
    turned(tensor, outer, Math.ceil((rows * bits) / 8), (bytes) =>
      transposedNumbers(bytes, rows, outer, type),
    );
  const points = zeros && numbers(zeros, blocks);
  return {
    kind: "quantized",
    weight: numbers(weight, inner),
    scales: turned(scales, outer, blocks * scaleBytes, (bytes) =>
      transposedBytes(bytes, blocks, outer, scaleBytes),
    ),
    // Without zero points, unsigned numbers begin at 0.
    ...(points && { zeros: points }),
    ...(!points && !signed && { zeros: noZeros(outer, blocks, bits) }),
    inner,
    outer,
    bits,
    blockSize,
    accuracy: 0,
  };
}

function noZeros(outer: number, blocks: number, bits: number): StoredTensor {
  const length = outer * Math.ceil((blocks * bits) / 8);
  const source = { fill: 0, length };
  return { name: `${length} x 0`, type: "uint8", dims: [length], source };
}

/** `tensor` with its rows and columns exchanged, in `rows` rows of `rowBytes`. */
function turned(
  { name, type, source }: StoredTensor,
  rows: number,
  rowBytes: number,
  turn: (bytes: Uint8Array) => Uint8Array,
): StoredTensor {
  const length = rows * rowBytes;
  const isFloat = type in SCALE_BYTES;
  return {
    name: `${name} turned`,
    type: isFloat ? type : "uint8",
    dims: isFloat ? [rows, rowBytes / (SCALE_BYTES[type] ?? 1)] : [length],
    source: computedSource(length, async () =>
      turn(await readSource(source, 0, source.length)),
    ),
  };
}

/** Bytes that are computed at the first read and kept up to the last. */
function computedSource(
  length: number,
  compute: () => Promise<Uint8Array>,
): ByteSource {
  let all: Promise<Uint8Array> | undefined;
  return {
    length,
    read: async (at, count) => {
      all ??= compute();
      const bytes = (await all).subarray(at, at + count);
      if (at + count === length) all = undefined;
      return bytes;
    },
  };
}

/** Numbers of [rows, columns] as unsigned ones of [columns, rows], each row of which
 * begins at a byte. */
function transposedNumbers(
  bytes: Uint8Array,
  rows: number,
  columns: number,
  { bits, signed }: ElementType,
): Uint8Array {
  const middle = signed ? 2 ** (bits - 1) : 0;
  const rowBytes = Math.ceil((rows * bits) / 8);
  const all = new Uint8Array(columns * rowBytes);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const from = row * columns + column;
      if (bits === 8) {
        all[column * rowBytes + row] = (bytes[from] as number) ^ middle;
        continue;
      }
      const four = ((bytes[from >> 1] as number) >> (4 * (from & 1))) & 15;
      const to = column * rowBytes + (row >> 1);
      (all[to] as number) |= (four ^ middle) << (4 * (row & 1));
    }
  }
  return all;
}

function transposedBytes(
  bytes: Uint8Array,
  rows: number,
  columns: number,
  each: number,
): Uint8Array {
  const all = new Uint8Array(bytes.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const from = (row * columns + column) * each;
      all.set(bytes.subarray(from, from + each), (column * rows + row) * each);
    }
  }
  return all;
}
