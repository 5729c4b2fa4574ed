import { fromHalf, toHalf } from "../util/float16";
import type { Blocks, EmbeddingTable } from "./embedding-table";
import type { TensorLocation, OnnxGraph } from "../onnx/onnx-reader";
import { RowReader } from "./row-reader";
import { baseName, openWeightFiles } from "../onnx/external-data";

/** Floats, or the bits of half-precision floats. */
type Numbers = Float32Array<ArrayBuffer> | Uint16Array<ArrayBuffer>;

/** Reads rows of an embedding table in the graph's output type. */
export class EmbeddingRows {
  readonly #table: EmbeddingTable;
  readonly #data: RowReader;
  readonly #blocks: BlockReader | undefined;

  constructor(
    graph: OnnxGraph,
    external: ReadonlyMap<string, Blob>,
    table: EmbeddingTable,
  ) {
    const files = openWeightFiles(graph, external);
    const open: Open = ({ location, offset }, rowBytes) => {
      const blob = files.get(location ?? baseName(graph.file)) ?? graph.blob;
      return new RowReader(graph.file, blob, offset, rowBytes);
    };
    const { data, rows, blocks } = table;
    this.#table = table;
    this.#data = open(data, data.length / rows);
    this.#blocks = blocks && new BlockReader(table, blocks, open);
  }

  async read(ids: readonly number[]): Promise<Numbers> {
    const { type, outputType } = this.#table;
    const bytes = await this.#data.read(ids);
    const numbers =
      (await this.#blocks?.dequantize(bytes, ids)) ?? numbersIn(bytes, type);
    if (type === outputType) return numbers;
    return numbers instanceof Float32Array
      ? toHalf(numbers)
      : fromHalf(numbers);
  }
}

type Open = (place: TensorLocation, rowBytes: number) => RowReader;

function numbersIn(
  { buffer }: Uint8Array<ArrayBuffer>,
  type: EmbeddingTable["type"],
): Numbers {
  return type === "float32"
    ? new Float32Array(buffer)
    : new Uint16Array(buffer);
}

/** Dequantizes rows of GatherBlockQuantized or DequantizeLinear. */
class BlockReader {
  readonly #table: EmbeddingTable;
  readonly #blocks: Blocks;
  /** Blocks of a row. */
  readonly #count: number;
  readonly #scales: RowReader;
  readonly #zeros: RowReader | undefined;

  constructor(table: EmbeddingTable, blocks: Blocks, open: Open) {
    const { rows, width } = table;
    const { scales, zeros, padded, shared } = blocks;
    this.#table = table;
    this.#blocks = blocks;
    this.#count = Math.ceil(width / blocks.size);
    this.#scales = open(scales, scales.length / (shared ? 1 : rows));
    // A row that ends inside a byte is read together with its neighbour.
    this.#zeros =
      zeros && open(zeros, padded ? zeros.length / rows : this.#count);
  }

  async dequantize(
    bytes: Uint8Array,
    ids: readonly number[],
  ): Promise<Numbers> {
    const { width, type } = this.#table;
    const { size } = this.#blocks;
    const rows = this.#blocks.shared ? ids.map(() => 0) : ids;
    const scales = numbersIn(await this.#scales.read(rows), type);
    const factors = scales instanceof Float32Array ? scales : fromHalf(scales);
    const zeros = await this.#readZeros(rows);
    const floats = new Float32Array(ids.length * width);
    for (let i = 0; i < floats.length; i++) {
      const column = i % width;
      const row = (i - column) / width;
      const block = row * this.#count + Math.floor(column / size);
      floats[i] =
        (this.#at(bytes, i) - (zeros[block] as number)) *
        (factors[block] as number);
    }
    return type === "float32" ? floats : toHalf(floats);
  }

  /** One zero point for each block of each row. */
  async #readZeros(ids: readonly number[]): Promise<number[]> {
    const { bits, padded, zero } = this.#blocks;
    const count = this.#count;
    if (this.#zeros === undefined) {
      return new Array<number>(ids.length * count).fill(zero);
    }
    const { rowBytes } = this.#zeros;
    const inPairs = !padded && bits === 4;
    const rows = inPairs ? ids.map((id) => Math.floor(id / 2)) : ids;
    const bytes = await this.#zeros.read(rows);
    return ids.flatMap((id, i) => {
      const start =
        (i * rowBytes * 8) / bits + (inPairs ? (id % 2) * count : 0);
      return Array.from({ length: count }, (_, block) =>
        this.#at(bytes, start + block),
      );
    });
  }

  /** The value at `index`; a byte holds the first value in its lowest bits. */
  #at(bytes: Uint8Array, index: number): number {
    const { bits, signed } = this.#blocks;
    const each = 8 / bits;
    const shift = (index % each) * bits;
    const byte = bytes[Math.floor(index / each)] as number;
    const value = (byte >> shift) & (2 ** bits - 1);
    return signed && value >= 2 ** (bits - 1) ? value - 2 ** bits : value;
  }
}
