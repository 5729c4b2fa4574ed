import {
  concatenatedWeight,
  generatedWeight,
  readSource,
  sourceOf,
  type ByteSource,
  type Weight,
} from "./graphs/weight";
import { UnsupportedGraph } from "../backend";
import type { GpuEmbeddingTable } from "../../kernels/step-advance";
import {
  embeddingTable,
  type EmbeddingTable,
} from "../../model-files/embedding-table";
import type { TensorLocation, OnnxGraph } from "../../onnx/onnx-reader";
import { openWeightFiles } from "../../onnx/external-data";
import type { GpuWeights } from "./gpu-weights";

/** Where the embedding table is in its files; it stays in their number format. */
interface EmbeddingTablePlan {
  readonly rows: number;
  readonly weights: readonly Weight[];
  /** The table in the uploaded `weights`. */
  bind(uploaded: GpuWeights): GpuEmbeddingTable;
}

const DATA = "embed/data";
const SCALES = "embed/scales";
const ZEROS = "embed/zeros";

/** `largestBuffer`: bytes of the largest buffer that a shader can read; a larger
 * table is split. Throws `UnsupportedGraph` for a graph that does more than look
 * rows up. */
export function planEmbeddingTable(
  graph: OnnxGraph,
  external: ReadonlyMap<string, Blob>,
  largestBuffer = Infinity,
): EmbeddingTablePlan {
  const table = embeddingTable(graph);
  if (table === undefined)
    throw new UnsupportedGraph(`${graph.file} is not a lookup table`);
  const files = openWeightFiles(graph, external);
  const weight = (
    name: string,
    location: TensorLocation | undefined,
    times = 1,
  ): Weight[] => {
    if (location === undefined) return [];
    const length = times * location.length;
    const info = { name, type: "uint8", dims: [length] };
    const source = sourceOf(graph, files, location);
    return times === 1
      ? [concatenatedWeight(info, [source])]
      : [generatedWeight(info, length, () => repeated(source, times))];
  };
  const { data, blocks, rows } = table;
  const rowBytes = data.length / rows;
  const most = Math.min(rows, Math.floor(largestBuffer / rowBytes));
  if (most === 0) {
    throw new UnsupportedGraph(
      `a row of ${graph.file} is larger than a buffer of ${largestBuffer} bytes`,
    );
  }
  const parts = Array.from({ length: Math.ceil(rows / most) }, (_, i) => {
    const first = i * most;
    return { first, rows: Math.min(most, rows - first) };
  });
  const partOf = ({ first, rows }: TablePart): TensorLocation => ({
    ...data,
    offset: data.offset + first * rowBytes,
    length: rows * rowBytes,
  });
  // The kernel reads a scale and a zero point for each row.
  const times = blocks?.shared === true ? rows : 1;
  const weights = [
    ...parts.flatMap((part) => weight(nameOf(part), partOf(part))),
    ...weight(SCALES, blocks?.scales, times),
    ...weight(ZEROS, blocks?.zeros, times),
  ];
  return { rows, weights, bind: (all) => bindTable(table, parts, all) };
}

/** Rows of the table that are in one buffer. */
interface TablePart {
  readonly first: number;
  readonly rows: number;
}

const nameOf = ({ first }: TablePart): string => `${DATA} from row ${first}`;

async function* repeated(
  source: ByteSource,
  times: number,
): AsyncGenerator<Uint8Array> {
  const once = await readSource(source, 0, source.length);
  const all = new Uint8Array(times * once.length);
  for (let i = 0; i < times; i++) all.set(once, i * once.length);
  yield all;
}

function bindTable(
  { width, type, outputType, blocks }: EmbeddingTable,
  ranges: readonly TablePart[],
  weights: GpuWeights,
): GpuEmbeddingTable {
  const parts = ranges.map((part) => {
    return { ...part, data: weights.tensor(nameOf(part)).buffer };
  });
  if (blocks === undefined) return { width, type, outputType, parts };
  const { bits, signed, size, padded, zeros, zero } = blocks;
  const { buffer: scales } = weights.tensor(SCALES);
  return {
    ...{ width, type, outputType, parts },
    blocks: {
      ...{ bits, signed, size, padded, scales, zero },
      ...(zeros && { zeros: weights.tensor(ZEROS).buffer }),
    },
  };
}
