import type { ModelConfig } from "../../model-files/config";
import type { OnnxGraph } from "../../onnx/onnx-reader";
import { UnsupportedGraph } from "../backend";
import { elementCount } from "../webgpu/graphs/dataflow";
import type { RmsNorm } from "../webgpu/graphs/decoder-norm";
import {
  readDecoder,
  type DecoderLayer,
} from "../webgpu/graphs/decoder-reader";
import {
  floatsWeight,
  planProduct,
  type ProductPlan,
  type StoredWeight,
} from "./decoder-weights";

export interface NormPlan {
  readonly gamma: StoredWeight;
  readonly epsilon: number;
}

interface LayerPlan {
  readonly attentionNorm: NormPlan;
  /** Queries, keys and values. */
  readonly qkv: ProductPlan;
  readonly scale: number;
  readonly out: ProductPlan;
  readonly mlpNorm: NormPlan;
  /** The gate, then what it multiplies unless it is alone. */
  readonly gate: ProductPlan;
  readonly alone: boolean;
  readonly down: ProductPlan;
}

/** A published decoder, with its weights in the layout of our kernels. */
export interface WasmDecoderPlan {
  readonly hidden: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly ffn: number;
  readonly vocabulary: number;
  readonly layers: readonly LayerPlan[];
  readonly norm: NormPlan;
  readonly head: ProductPlan;
  readonly cos: StoredWeight;
  readonly sin: StoredWeight;
  readonly rotated: number;
  readonly interleaved: boolean;
  /** Largest capacity of the KV cache. */
  readonly maxPositions: number;
  /** Whether the result of a row is the same in any number of rows, so that drafts can
   * be verified. 8-bit products quantize all rows of a pass in one range. */
  readonly batchInvariant: boolean;
}

/** Features are computed in vectors, and products in panels of 16 columns. */
const MULTIPLE = 16;

/** Throws `UnsupportedGraph` if the graph does not match the known structure. */
export async function planWasmDecoder(
  graph: OnnxGraph,
  external: ReadonlyMap<string, Blob>,
  config: ModelConfig,
): Promise<WasmDecoderPlan> {
  const decoder = await readDecoder(graph, external, config);
  const { hidden, heads, kvHeads, headDim } = config;
  const [first] = decoder.layers;
  if (first === undefined) {
    throw new UnsupportedGraph("the graph has no layers");
  }
  const ffn = first.mlp.down.inner;
  const widths = [hidden, heads * headDim, kvHeads * headDim, ffn];
  const odd = widths.find((width) => width % MULTIPLE !== 0);
  if (odd !== undefined || headDim % 4 !== 0) {
    throw new UnsupportedGraph(
      `the decoder has widths of ${[...widths, headDim].join(", ")}, not multiples of ${MULTIPLE}`,
    );
  }
  const norm = ({ gamma, epsilon }: RmsNorm): NormPlan => {
    if (elementCount(gamma) !== hidden) {
      throw new UnsupportedGraph(
        `norm weight ${gamma.name} has the shape [${gamma.dims.join()}], not [${hidden}]`,
      );
    }
    return { gamma: floatsWeight(gamma, hidden), epsilon };
  };
  const layer = (one: DecoderLayer): LayerPlan => {
    const { attention, mlp } = one;
    const gates = mlp.up === undefined ? [mlp.gate] : [mlp.gate, mlp.up];
    if (mlp.down.inner !== ffn) {
      throw new UnsupportedGraph(
        `layers have ${ffn} and ${mlp.down.inner} features in between`,
      );
    }
    return {
      attentionNorm: norm(one.attentionNorm),
      qkv: planProduct(attention.qkv),
      scale: attention.scale === 0 ? headDim ** -0.5 : attention.scale,
      out: planProduct([attention.out]),
      mlpNorm: norm(one.mlpNorm),
      gate: planProduct(gates),
      alone: mlp.up === undefined && !mlp.packed,
      down: planProduct([mlp.down]),
    };
  };
  const { rotary } = first.attention;
  const { rotated, interleaved, positions: maxPositions } = rotary;
  const tableLength = (maxPositions * rotated) / 2;
  const layers = decoder.layers.map(layer);
  return {
    ...{ hidden, heads, kvHeads, headDim, ffn },
    vocabulary: decoder.head.outer,
    layers,
    norm: norm(decoder.norm),
    head: planProduct([decoder.head]),
    cos: floatsWeight(rotary.cos, tableLength),
    sin: floatsWeight(rotary.sin, tableLength),
    ...{ rotated, interleaved, maxPositions },
    batchInvariant: !layers.some(({ qkv, out, gate, down }) =>
      [qkv, out, gate, down].some(({ kind }) => kind === "int8"),
    ),
  };
}

/** The weights of a plan, in the order of the layers. */
export function* weightsOf(plan: WasmDecoderPlan): Generator<StoredWeight> {
  yield plan.cos;
  yield plan.sin;
  for (const layer of plan.layers) {
    yield layer.attentionNorm.gamma;
    yield* partsOf(layer.qkv);
    yield* partsOf(layer.out);
    yield layer.mlpNorm.gamma;
    yield* partsOf(layer.gate);
    yield* partsOf(layer.down);
  }
  yield plan.norm.gamma;
  yield* partsOf(plan.head);
}

function* partsOf({
  weight,
  bias,
  zeros,
}: ProductPlan): Generator<StoredWeight> {
  yield weight;
  yield bias;
  if (zeros !== undefined) yield zeros;
}
