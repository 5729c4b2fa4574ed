import { concatenatedWeight, sourceOf, type Weight } from "./graphs/weight";
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
  ): Weight[] => {
    if (location === undefined) return [];
    const info = { name, type: "uint8", dims: [location.length] };
    return [concatenatedWeight(info, [sourceOf(graph, files, location)])];
  };
  const { data, blocks } = table;
  const weights = [
    ...weight(DATA, data),
    ...weight(SCALES, blocks?.scales),
    ...weight(ZEROS, blocks?.zeros),
  ];
  return { rows: table.rows, weights, bind: (all) => bindTable(table, all) };
}

function bindTable(
  { width, type, outputType, blocks }: EmbeddingTable,
  weights: GpuWeights,
): GpuEmbeddingTable {
  const { buffer: data } = weights.tensor(DATA);
  if (blocks === undefined) return { width, type, outputType, data };
  const { bits, signed, size, padded, zeros } = blocks;
  const { buffer: scales } = weights.tensor(SCALES);
  return {
    ...{ width, type, outputType, data },
    blocks: {
      ...{ bits, signed, size, padded, scales },
      ...(zeros && { zeros: weights.tensor(ZEROS).buffer }),
    },
  };
}
