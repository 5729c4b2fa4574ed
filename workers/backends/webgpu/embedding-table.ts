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

/** Throws `UnsupportedGraph` for a graph that does more than look rows up. */
export function planEmbeddingTable(
  graph: OnnxGraph,
  external: ReadonlyMap<string, Blob>,
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
  const { data, blocks } = table;
  // The kernel reads a scale and a zero point for each row.
  const times = blocks?.shared === true ? table.rows : 1;
  const weights = [
    ...weight(DATA, data),
    ...weight(SCALES, blocks?.scales, times),
    ...weight(ZEROS, blocks?.zeros, times),
  ];
  return { rows: table.rows, weights, bind: (all) => bindTable(table, all) };
}

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
  weights: GpuWeights,
): GpuEmbeddingTable {
  const { buffer: data } = weights.tensor(DATA);
  if (blocks === undefined) return { width, type, outputType, data };
  const { bits, signed, size, padded, zeros, zero } = blocks;
  const { buffer: scales } = weights.tensor(SCALES);
  return {
    ...{ width, type, outputType, data },
    blocks: {
      ...{ bits, signed, size, padded, scales, zero },
      ...(zeros && { zeros: weights.tensor(ZEROS).buffer }),
    },
  };
}
