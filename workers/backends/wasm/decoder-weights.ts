import { fromHalf } from "../../util/float16";
import { UnsupportedGraph } from "../backend";
import type { StoredTensor } from "../webgpu/graphs/dataflow";
import type {
  IntegerLinear,
  LinearLayer,
} from "../webgpu/graphs/decoder-linear";
import type { QuantizedLinear } from "../webgpu/graphs/decoder-qdq";
import { readSource } from "../webgpu/graphs/weight";
import { int8PanelBytes, writeInt8Scales } from "./product-int8";
import type { WasmRuntime } from "./runtime";

/** Columns of a panel of weights in four bits, and of floats; assembly/product-q4.ts
 * and product-float.ts describe the layouts. */
const PANEL = 16;
const FLOAT_PANEL = 8;
/** Values of k in a block. */
const BLOCK = 32;
/** Bytes of a block of a panel in four bits, and where its scales are. */
const BLOCK_BYTES = 320;
const SCALES = 256;
/** Bytes of a weight that are read at once, approximately. */
const READ_BYTES = 2 ** 23;

/** Bytes in WebAssembly memory and how to fill them, from files. */
export interface StoredWeight {
  readonly bytes: number;
  write(runtime: WasmRuntime, address: number): Promise<void>;
}

/** A matrix product: one linear layer, or several of the same input. */
export interface ProductPlan {
  readonly kind: "f32" | "q4" | "int8";
  readonly inner: number;
  /** Results of a row. */
  readonly outer: number;
  readonly weight: StoredWeight;
  readonly bias: StoredWeight;
  /** What zero points other than 8 add, for `addZeroPoints`. */
  readonly zeros: StoredWeight | undefined;
}

export const padded = (columns: number): number =>
  Math.ceil(columns / PANEL) * PANEL;

/** Results of the layers one after another. */
export function planProduct(linears: readonly LinearLayer[]): ProductPlan {
  const [first] = linears;
  if (first === undefined) throw new Error("No linear layers");
  const { inner } = first;
  const outer = linears.reduce((sum, linear) => sum + linear.outer, 0);
  const odd = linears.slice(0, -1).find((one) => one.outer % PANEL !== 0);
  if (odd !== undefined) {
    throw new UnsupportedGraph(
      `weight ${odd.weight.name} has ${odd.outer} columns, not a multiple of ${PANEL}`,
    );
  }
  const starts = startsOf(linears);
  const plan = { inner, outer, bias: biasOf(linears, starts) };
  const integers = linears.filter((one) => one.kind === "integer");
  if (integers.length > 0) {
    if (integers.length < linears.length) {
      throw new UnsupportedGraph(
        `weight ${first.weight.name} and others of the same input differ in type`,
      );
    }
    const weight = integerWeight(integers, starts);
    return { kind: "int8", ...plan, weight, zeros: undefined };
  }
  const quantized = linears.filter((one) => one.kind === "quantized");
  if (quantized.length === linears.length && quantized.every(fitsBlocks)) {
    const weight = blockWeight(quantized, starts);
    return {
      kind: "q4",
      ...plan,
      weight,
      zeros: zeroPoints(quantized, starts),
    };
  }
  const weight = denseWeight(linears, starts);
  return { kind: "f32", ...plan, weight, zeros: undefined };
}

/** Whether `productQ4` has a layer's form; others become dense. */
function fitsBlocks({ bits, blockSize, inner }: QuantizedLinear): boolean {
  return bits === 4 && blockSize % BLOCK === 0 && inner % BLOCK === 0;
}

/** First column of each layer, then the end. */
function startsOf(linears: readonly LinearLayer[]): number[] {
  const starts = [0];
  let end = 0;
  for (const { outer } of linears) starts.push((end += outer));
  return starts;
}

const columnsOf = (starts: readonly number[]): number =>
  padded(starts.at(-1) ?? 0);

/** A vector as floats. */
export function floatsWeight(
  tensor: StoredTensor,
  length: number,
): StoredWeight {
  return {
    bytes: length * 4,
    write: async ({ memory }, address) => {
      const floats = await readFloats(tensor);
      memory.floats(address, length).set(floats);
    },
  };
}

function biasOf(
  linears: readonly LinearLayer[],
  starts: readonly number[],
): StoredWeight {
  const columns = columnsOf(starts);
  return {
    bytes: columns * 4,
    write: async ({ memory }, address) => {
      memory.floats(address, columns).fill(0);
      for (const [i, { bias }] of linears.entries()) {
        if (bias === undefined) continue;
        const floats = await readFloats(bias);
        memory.floats(address, columns).set(floats, starts[i]);
      }
    },
  };
}

function denseWeight(
  linears: readonly LinearLayer[],
  starts: readonly number[],
): StoredWeight {
  const inner = linears[0]?.inner ?? 0;
  const columns = columnsOf(starts);
  const length = columns * inner;
  return {
    bytes: length * 4,
    write: async ({ memory }, address) => {
      memory.floats(address, length).fill(0);
      for (const [i, linear] of linears.entries()) {
        const start = starts[i] ?? 0;
        for await (const { values, k, n, strides } of denseParts(linear)) {
          const view = memory.floats(address, length);
          for (let column = n.from; column < n.to; column++) {
            const place = (start + column) % FLOAT_PANEL;
            let to = (start + column - place) * inner + place;
            to += k.from * FLOAT_PANEL;
            let from = (column - n.from) * strides.n;
            for (let row = k.from; row < k.to; row++) {
              view[to] = values[from] as number;
              to += FLOAT_PANEL;
              from += strides.k;
            }
          }
        }
      }
    },
  };
}

interface Span {
  readonly from: number;
  readonly to: number;
}

/** Some rows or columns of a matrix [inner, outer], in either order. */
interface DensePart {
  readonly values: Float32Array;
  readonly k: Span;
  readonly n: Span;
  readonly strides: { readonly k: number; readonly n: number };
}

async function* denseParts(linear: LinearLayer): AsyncGenerator<DensePart> {
  if (linear.kind === "quantized") yield* dequantizedParts(linear);
  if (linear.kind !== "dense") return;
  const { inner, outer, weight, transposed } = linear;
  const { source, type, name } = weight;
  const [k, n] = [
    { from: 0, to: inner },
    { from: 0, to: outer },
  ];
  const count = transposed ? outer : inner;
  for await (const { bytes, ...span } of lines(source, count)) {
    const values = floatsOf(bytes, type, name);
    yield transposed
      ? { values, k, n: span, strides: { k: 1, n: inner } }
      : { values, k: span, n, strides: { k: outer, n: 1 } };
  }
}

/** Columns of a layer of any bits and block size. */
async function* dequantizedParts({
  weight,
  scales,
  zeros,
  bits,
  blockSize,
  inner,
  outer,
}: QuantizedLinear): AsyncGenerator<DensePart> {
  const blocks = Math.ceil(inner / blockSize);
  const factors = await readFloats(scales);
  const points =
    zeros && (await readSource(zeros.source, 0, zeros.source.length));
  const pointBytes = Math.ceil((blocks * bits) / 8);
  const each = 8 / bits;
  const codeAt = (bytes: Uint8Array, start: number, i: number) =>
    ((bytes[start + Math.floor(i / each)] as number) >> (bits * (i % each))) &
    (2 ** bits - 1);
  const rowBytes = (blocks * blockSize * bits) / 8;
  const k = { from: 0, to: inner };
  const strides = { k: 1, n: inner };
  for await (const { bytes, ...n } of lines(weight.source, outer)) {
    const values = new Float32Array((n.to - n.from) * inner);
    for (let i = 0; i < values.length; i++) {
      const row = i % inner;
      const line = (i - row) / inner;
      const column = n.from + line;
      const block = Math.floor(row / blockSize);
      const point = points
        ? codeAt(points, column * pointBytes, block)
        : 2 ** (bits - 1);
      const code = codeAt(bytes, line * rowBytes, row);
      const scale = factors[column * blocks + block] as number;
      values[i] = (code - point) * scale;
    }
    yield { values, k, n, strides };
  }
}

/** Four bits of the low half of a word in each byte. */
function spread(half: number): number {
  return (
    (half & 15) |
    ((half & 0xf0) << 4) |
    ((half & 0xf00) << 8) |
    ((half & 0xf000) << 12)
  );
}

function blockWeight(
  linears: readonly QuantizedLinear[],
  starts: readonly number[],
): StoredWeight {
  const blocks = (linears[0]?.inner ?? 0) / BLOCK;
  const columns = columnsOf(starts);
  const length = (columns / PANEL) * blocks * BLOCK_BYTES;
  /** Byte of the first block of a column's panel. */
  const panelAt = (column: number) =>
    ((column - (column % PANEL)) / PANEL) * blocks * BLOCK_BYTES;
  return {
    bytes: length,
    write: async ({ memory }, address) => {
      const end = panelAt(columns - 1);
      memory.bytes(address + end, length - end).fill(0);
      for (const [
        i,
        { weight, scales, outer, blockSize },
      ] of linears.entries()) {
        const start = starts[i] ?? 0;
        const factors = await readFloats(scales);
        const each = blockSize / BLOCK;
        const floats = memory.floats(address, length / 4);
        for (let n = 0; n < outer; n++) {
          const column = start + n;
          let at = (panelAt(column) + SCALES) / 4 + (column % PANEL);
          const first = n * (blocks / each);
          for (let block = 0; block < blocks; block++) {
            floats[at] = factors[first + Math.floor(block / each)] as number;
            at += BLOCK_BYTES / 4;
          }
        }
        for await (const { bytes, from, to } of lines(weight.source, outer)) {
          const words = wordsOf(bytes);
          const view = memory.integers(address, length / 4);
          let read = 0;
          for (let n = from; n < to; n++) {
            const column = start + n;
            let at = panelAt(column) / 4 + (column % PANEL);
            for (let block = 0; block < blocks; block++) {
              for (let j = 0; j < 4; j++) {
                const word = words[read++] as number;
                const high = spread(word >>> 16);
                view[at + j * PANEL] = spread(word) | (high << 4);
              }
              at += BLOCK_BYTES / 4;
            }
          }
        }
      }
    },
  };
}

/** (zero point − 8) / 8 · scale, [panels, blocks, 16]. */
function zeroPoints(
  linears: readonly QuantizedLinear[],
  starts: readonly number[],
): StoredWeight | undefined {
  if (linears.every(({ zeros }) => zeros === undefined)) return undefined;
  const blocks = (linears[0]?.inner ?? 0) / BLOCK;
  const length = columnsOf(starts) * blocks;
  return {
    bytes: length * 4,
    write: async ({ memory }, address) => {
      memory.floats(address, length).fill(0);
      for (const [
        i,
        { zeros, scales, outer, blockSize },
      ] of linears.entries()) {
        if (zeros === undefined) continue;
        const start = starts[i] ?? 0;
        const factors = await readFloats(scales);
        const points = await readSource(zeros.source, 0, zeros.source.length);
        const each = blockSize / BLOCK;
        const stored = blocks / each;
        const pointBytes = Math.ceil(stored / 2);
        const view = memory.floats(address, length);
        for (let n = 0; n < outer; n++) {
          const column = start + n;
          const panel = (column - (column % PANEL)) * blocks;
          for (let block = 0; block < blocks; block++) {
            const from = Math.floor(block / each);
            const byte = points[n * pointBytes + (from >> 1)] as number;
            const point = (byte >> (4 * (from & 1))) & 15;
            const scale = factors[n * stored + from] as number;
            view[panel + block * PANEL + (column % PANEL)] =
              ((point - 8) / 8) * scale;
          }
        }
      }
    },
  };
}

/** Panels for `productInt8`. */
function integerWeight(
  linears: readonly IntegerLinear[],
  starts: readonly number[],
): StoredWeight {
  const panelBytes = int8PanelBytes(linears[0]?.inner ?? 0);
  return {
    bytes: (columnsOf(starts) / PANEL) * panelBytes,
    write: async (runtime, address) => {
      for (const [i, linear] of linears.entries()) {
        const panel = (starts[i] ?? 0) / PANEL;
        await writeIntegers(runtime, address + panel * panelBytes, linear);
      }
    },
  };
}

async function writeIntegers(
  { memory, pool }: WasmRuntime,
  address: number,
  { weight, scales, zeros, inner, outer }: IntegerLinear,
): Promise<void> {
  const signed = weight.type === "int8";
  const split = { count: Math.ceil(outer / PANEL), grain: PANEL };
  for await (const { bytes, from, to } of lines(weight.source, inner)) {
    const piece = memory.allocate(bytes.length);
    memory.bytes(piece, bytes.length).set(bytes);
    const flip = signed ? 0 : 128;
    const rows = [from, to - from, flip] as const;
    pool.run("packInt8", split, piece, address, inner, outer, ...rows);
    memory.free(piece);
  }
  const points =
    zeros && (await readSource(zeros.source, 0, zeros.source.length));
  const columns = {
    ...{ inner, outer, signed, scales: await readFloats(scales) },
    zeros: signed ? Int8Array.from(points ?? [0]) : (points ?? [0]),
  };
  writeInt8Scales(memory, address, columns);
}

/** The bytes of `count` lines of equal length, some lines at a time: multiples of four,
 * except for the last. */
async function* lines(
  source: StoredTensor["source"],
  count: number,
): AsyncGenerator<Span & { readonly bytes: Uint8Array }> {
  const width = source.length / count;
  const most = Math.max(1, Math.floor(READ_BYTES / width / 4)) * 4;
  for (let from = 0; from < count; from += most) {
    const to = Math.min(count, from + most);
    const length = (to - from) * width;
    yield { from, to, bytes: await readSource(source, from * width, length) };
  }
}

async function readFloats({ source, type, name }: StoredTensor) {
  const bytes = await readSource(source, 0, source.length);
  return floatsOf(bytes, type, name);
}

function wordsOf(bytes: Uint8Array): Uint32Array {
  const { buffer, byteOffset, length } = aligned(bytes);
  return new Uint32Array(buffer, byteOffset, length / 4);
}

function floatsOf(bytes: Uint8Array, type: string, name: string): Float32Array {
  const { buffer, byteOffset, length } = aligned(bytes);
  switch (type) {
    case "float32":
      return new Float32Array(buffer, byteOffset, length / 4);
    case "float16":
      return fromHalf(new Uint16Array(buffer, byteOffset, length / 2));
    default:
      throw new UnsupportedGraph(`weight ${name} is ${type}, not float`);
  }
}

/** The bytes at an address that typed arrays take. */
function aligned(bytes: Uint8Array): Uint8Array {
  return bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
}
