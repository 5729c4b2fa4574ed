import type { ModelConfig } from "../../../model-files/config";
import type { OnnxGraph } from "../../../onnx/onnx-reader";
import {
  writeDecoder,
  type DecoderShape,
  type PlannedDecoder,
  type PlannedLayer,
  type PlannedNorm,
  canPack,
  planLinear,
  type PlannedLinear,
} from "./decoder-writer";
import type { FloatType } from "../../../ort/tensor-rows";
import { isFloatType } from "./graph-tensor";
import type { LinearLayer } from "./decoder-linear";
import type { RmsNorm } from "./decoder-norm";
import {
  readDecoder,
  type DecoderStructure,
  type DecoderLayer,
} from "./decoder-reader";
import { concatenatedWeight, type Weight } from "./weight";
import { UnsupportedGraph } from "../../backend";
import type { StoredTensor } from "./dataflow";

/** Our graphs of a published decoder, all with the same weights. */
export interface DecoderPlan {
  readonly weights: readonly Weight[];
  readonly hidden: number;
  readonly vocabulary: number;
  readonly layers: number;
  readonly kvHeads: number;
  readonly headDim: number;
  /** Type of embeddings, KV cache and logits. */
  readonly type: FloatType;
  /** Whether the logits of a position do not depend on how many rows one run has;
   * otherwise a draft cannot be verified. */
  readonly batchInvariant: boolean;
  /** Largest capacity of the KV cache. */
  readonly maxPositions: number;
  /**
   * An ONNX model. Inputs: inputs_embeds [1, length, hidden]; seqlens_k and
   * total_sequence_length [1], the last position and the number of positions after
   * this run; rows [rows], indices into inputs_embeds, absent if length is 1;
   * past_key_values.{layer}.{key,value} [1, kvHeads, capacity, headDim]; the
   * weights. Outputs: logits [1, rows, vocabulary] and
   * present.{layer}.{key,value}, to be bound to the buffers of the past.
   */
  graph(shape: DecoderShape): Uint8Array<ArrayBuffer>;
}

/** `largestBuffer`: bytes of the largest buffer that a shader can read; a larger
 * matrix is split. Throws `UnsupportedGraph` if the graph does not match the known
 * structure. */
export async function planDecoder(
  graph: OnnxGraph,
  external: ReadonlyMap<string, Blob>,
  config: ModelConfig,
  largestBuffer = Infinity,
): Promise<DecoderPlan> {
  const decoder = await readDecoder(graph, external, config);
  const integer = linearsOf(decoder).find(({ kind }) => kind === "integer");
  if (integer !== undefined) {
    throw new UnsupportedGraph(
      `weight ${integer.weight.name} is multiplied in 8-bit integers`,
    );
  }
  const planned = plan(decoder, config, largestBuffer);
  const { weights, type, vocabulary } = planned;
  const { hidden, layers, kvHeads, headDim } = config;
  return {
    ...{ weights, hidden, vocabulary, layers, kvHeads, headDim, type },
    batchInvariant: !linearsOf(decoder).some(dependsOnRowCount),
    maxPositions: planned.positions,
    graph: (shape) => writeDecoder(planned, shape),
  };
}

function linearsOf({ layers, head }: DecoderStructure): LinearLayer[] {
  const all = layers.flatMap(({ attention: { qkv, out }, mlp }) => {
    const { gate, up, down } = mlp;
    return [...qkv, out, gate, ...(up ? [up] : []), down];
  });
  return [...all, head];
}

/**
 * With accuracy level 4, ONNX Runtime quantizes the activations of MatMulNBits to
 * 8 bits where the adapter can multiply those: float16 only from four rows on,
 * float32 always.
 */
function dependsOnRowCount(linear: LinearLayer): boolean {
  if (linear.kind !== "quantized") return false;
  return linear.accuracy === 4 && linear.scales.type === "float16";
}

/** The type that the weights are in, whatever the graph's ends are cast to. */
function typeOf({ head }: DecoderStructure): FloatType {
  const { type } = head.kind === "dense" ? head.weight : head.scales;
  if (isFloatType(type)) return type;
  throw new UnsupportedGraph(
    `the head has weights of type ${type}, not float32 or float16`,
  );
}

function plan(
  decoder: DecoderStructure,
  config: ModelConfig,
  largestBuffer: number,
): PlannedDecoder {
  const { layers, norm, head } = decoder;
  const type = typeOf(decoder);
  const stream = norm.gamma.type === "float32" ? "float32" : type;
  const weights = new Map<string, Weight>();
  const keep = (weight: Weight, expected = type): Weight => {
    if (weight.type !== expected && weight.type !== "uint8") {
      throw new UnsupportedGraph(
        `weight ${weight.name} is ${weight.type}, not ${expected}`,
      );
    }
    weights.set(weight.name, weight);
    return weight;
  };
  const planned = (...linears: LinearLayer[]): PlannedLinear => {
    const one = planLinear(linears, largestBuffer);
    for (const weight of one.weights) keep(weight);
    return one;
  };
  const planNorm = ({ gamma, epsilon }: RmsNorm): PlannedNorm => {
    if (gamma.dims.join() !== `${config.hidden}`) {
      throw new UnsupportedGraph(
        `norm weight ${gamma.name} has the shape [${gamma.dims.join()}], not [${config.hidden}]`,
      );
    }
    return { gamma: keep(unchangedWeight(gamma), stream), epsilon };
  };
  const planLayer = (layer: DecoderLayer): PlannedLayer => {
    const { attention, mlp } = layer;
    return {
      attentionNorm: planNorm(layer.attentionNorm),
      qkv: canPack(attention.qkv)
        ? [planned(...attention.qkv)]
        : attention.qkv.map((one) => planned(one)),
      scale: attention.scale,
      out: planned(attention.out),
      mlpNorm: planNorm(layer.mlpNorm),
      gate: planned(mlp.gate),
      packed: mlp.packed,
      ...(mlp.up && { up: planned(mlp.up) }),
      down: planned(mlp.down),
    };
  };
  const [first] = layers;
  if (first === undefined)
    throw new UnsupportedGraph("the graph has no layers");
  const { rotary } = first.attention;
  const info = {
    ...{ config, type, stream },
    layers: layers.map(planLayer),
    cos: keep(unchangedWeight(rotary.cos)),
    sin: keep(unchangedWeight(rotary.sin)),
    interleaved: rotary.interleaved,
    positions: rotary.positions,
    norm: planNorm(norm),
    head: planned(head),
    vocabulary: head.outer,
  };
  return { ...info, weights: [...weights.values()] };
}

const unchangedWeight = ({ name, type, dims, source }: StoredTensor): Weight =>
  concatenatedWeight({ name: `decoder/${name}`, type, dims }, [source]);
