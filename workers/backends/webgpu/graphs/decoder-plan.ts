import type { ModelConfig } from "../../../model-files/config";
import type { OnnxGraph } from "../../../onnx/onnx";
import {
  writeDecoder,
  type DecoderShape,
  type PlannedDecoder,
  type PlannedLayer,
  type PlannedNorm,
} from "./decoder-graph";
import type { Linear } from "./decoder-linear";
import type { Norm } from "./decoder-norm";
import { alike, product, type MatMul } from "./decoder-matmul";
import { readDecoder, type Decoder, type Layer } from "./decoder-structure";
import { stacked, UnsupportedGraph, type Weight } from "./weight";
import type { Stored } from "../../../onnx/wiring";

/** Our own graphs of a published decoder, all of the same weights. */
export interface DecoderPlan {
  readonly weights: readonly Weight[];
  readonly hidden: number;
  readonly vocabulary: number;
  readonly layers: number;
  readonly kvHeads: number;
  readonly headDim: number;
  /** Of embeddings, caches and logits. */
  readonly type: "float32" | "float16";
  /** Whether a position gives the same alone as in one run with others: what a
   * draft's tokens are told from. */
  readonly rowsAlike: boolean;
  /** The most that a cache can have room for. */
  readonly positions: number;
  /**
   * A model file. It takes inputs_embeds [1, length, hidden], seqlens_k and
   * total_sequence_length [1] (index of the last position, and how many there
   * are, both after this run), rows [rows] (places in inputs_embeds; not taken
   * where length is 1), past_key_values.{layer}.{key,value} [1, kvHeads, capacity, headDim] and the
   * weights; gives logits [1, rows, vocabulary] and present.{layer}.{key,value},
   * which are to be the same buffers as the past.
   */
  graph(shape: DecoderShape): Uint8Array<ArrayBuffer>;
}

/** Throws `Unfit` if the graph is not of the structure we know. */
export async function planDecoder(
  graph: OnnxGraph,
  external: ReadonlyMap<string, Blob>,
  config: ModelConfig,
): Promise<DecoderPlan> {
  const decoder = await readDecoder(graph, external, config);
  const planned = plan(decoder, config);
  const { weights, type, vocabulary } = planned;
  const { hidden, layers, kvHeads, headDim } = config;
  return {
    ...{ weights, hidden, vocabulary, layers, kvHeads, headDim, type },
    rowsAlike: !linearsOf(decoder).some(roundsSomeRows),
    positions: planned.cos.dims[0] ?? 0,
    graph: (shape) => writeDecoder(planned, shape),
  };
}

function linearsOf({ layers, head }: Decoder): Linear[] {
  const all = layers.flatMap(({ attention: { qkv, out }, mlp }) => {
    const { gate, up, down } = mlp;
    return [...qkv, out, gate, ...(up ? [up] : []), down];
  });
  return [...all, head];
}

/**
 * Of blocks with accuracy level 4 the runtime rounds the other factor to 8 bits
 * where the adapter can multiply those; halves only if there are four rows or
 * more, floats always.
 */
function roundsSomeRows(linear: Linear): boolean {
  if (linear.kind !== "blocks") return false;
  return linear.accuracy === 4 && linear.scales.type === "float16";
}

type Float = DecoderPlan["type"];

/** Of what it computes with, whatever the ends of the graph are cast to. */
function typeOf({ head }: Decoder): Float {
  const { type } = head.kind === "dense" ? head.weight : head.scales;
  if (type === "float32" || type === "float16") return type;
  throw new UnsupportedGraph(`it computes with ${type}`);
}

function plan(decoder: Decoder, config: ModelConfig): PlannedDecoder {
  const { layers, norm, head } = decoder;
  const type = typeOf(decoder);
  const stream = norm.gamma.type === "float32" ? "float32" : type;
  const weights = new Map<string, Weight>();
  const keep = (weight: Weight, expected = type): Weight => {
    if (weight.type !== expected && weight.type !== "uint8") {
      throw new UnsupportedGraph(
        `${weight.name} is ${weight.type}, not ${expected}`,
      );
    }
    weights.set(weight.name, weight);
    return weight;
  };
  const planned = (...linears: Linear[]): MatMul => {
    const one = product(linears);
    for (const weight of one.weights) keep(weight);
    return one;
  };
  const planNorm = ({ gamma, epsilon }: Norm): PlannedNorm => {
    if (gamma.dims.join() !== `${config.hidden}`) {
      throw new UnsupportedGraph(
        `${gamma.name} is no norm of ${config.hidden}`,
      );
    }
    return { gamma: keep(asIs(gamma), stream), epsilon };
  };
  const planLayer = (layer: Layer): PlannedLayer => {
    const { attention, mlp } = layer;
    return {
      attentionNorm: planNorm(layer.attentionNorm),
      qkv: alike(attention.qkv)
        ? [planned(...attention.qkv)]
        : attention.qkv.map((one) => planned(one)),
      scale: attention.scale,
      out: planned(attention.out),
      mlpNorm: planNorm(layer.mlpNorm),
      gate: planned(mlp.gate),
      ...(mlp.up && { up: planned(mlp.up) }),
      down: planned(mlp.down),
    };
  };
  const [first] = layers;
  if (first === undefined) throw new UnsupportedGraph("there are no layers");
  const { rotary } = first.attention;
  const facts = {
    ...{ config, type, stream },
    layers: layers.map(planLayer),
    cos: keep(asIs(rotary.cos)),
    sin: keep(asIs(rotary.sin)),
    interleaved: rotary.interleaved,
    norm: planNorm(norm),
    head: planned(head),
    vocabulary: head.outer,
  };
  return { ...facts, weights: [...weights.values()] };
}

const asIs = ({ name, type, dims, piece }: Stored): Weight =>
  stacked({ name: `decoder/${name}`, type, dims }, [piece]);
