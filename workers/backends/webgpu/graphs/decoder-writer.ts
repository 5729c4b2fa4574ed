import type { FloatType } from "../../../ort/tensor-rows";
import type { ModelConfig } from "../../../model-files/config";
import { OnnxGraphBuilder } from "../../../onnx/graph-builder";
import { dataTypeNumber, type ValueInfo } from "../../../onnx/onnx-protos";

import { columnParts } from "./column-parts";
import type { StoredTensor } from "./dataflow";
import type { DenseLinear, LinearLayer } from "./decoder-linear";
import type { QuantizedLinear } from "./decoder-qdq";
import { type Weight, interleavedWeight, concatenatedWeight } from "./weight";
import { UnsupportedGraph } from "../../backend";

export interface PlannedNorm {
  readonly gamma: Weight;
  readonly epsilon: number;
}

export interface PlannedLayer {
  readonly attentionNorm: PlannedNorm;
  /** One packed projection, or one each for queries, keys and values. */
  readonly qkv: readonly PlannedLinear[];
  readonly scale: number;
  readonly out: PlannedLinear;
  readonly mlpNorm: PlannedNorm;
  /** Gate and up in one projection if `packed`. */
  readonly gate: PlannedLinear;
  readonly packed: boolean;
  readonly up?: PlannedLinear;
  readonly down: PlannedLinear;
}

/** A decoder with its weights in the layout of our graphs. */
export interface PlannedDecoder {
  readonly config: ModelConfig;
  readonly type: FloatType;
  /** Type of the residual stream and the norms; some models keep float32 there. */
  readonly stream: FloatType;
  readonly vocabulary: number;
  readonly layers: readonly PlannedLayer[];
  readonly cos: Weight;
  readonly sin: Weight;
  readonly interleaved: boolean;
  /** Positions of the rotary tables. */
  readonly positions: number;
  readonly norm: PlannedNorm;
  readonly head: PlannedLinear;
  readonly weights: readonly Weight[];
}

export interface DecoderShape {
  /** Positions that one run appends to the KV cache. */
  readonly length: number;
  /** How many of these give logits. */
  readonly rows: number;
  /** Positions that the KV cache holds. */
  readonly capacity: number;
}

/**
 * Writes the decoder for one shape:
 *
 *     x ── norm ── q, k, v ── attention with rotary and cache ── o ─┐
 *     └─────────────────────────────────────────────────────── + ───┤
 *     x ── norm ── silu(gate) · up ── down ── + ──  … ── norm ── head
 *
 * After the last attention only the requested rows continue. Each residual sum is
 * fused with the norm that follows it.
 */
export function writeDecoder(
  decoder: PlannedDecoder,
  shape: DecoderShape,
): Uint8Array<ArrayBuffer> {
  const { positions } = decoder;
  if (shape.capacity > positions) {
    throw new RangeError(
      `A KV cache of ${shape.capacity} positions exceeds the ${positions} of the rotary tables`,
    );
  }
  const graph = new OnnxGraphBuilder();
  const { layers, type, stream } = decoder;
  const cast = (value: string, to: FloatType): string =>
    type === stream
      ? value
      : graph.op("Cast", [value], { to: dataTypeNumber(to) });
  // x is the residual stream, y the branch that the next norm adds to it.
  let x = cast("inputs_embeds", stream);
  let y: string | undefined;
  let { length } = shape;
  const norm = ({ gamma, epsilon }: PlannedNorm): string => {
    const attributes = { epsilon: { float: epsilon } };
    if (y === undefined) {
      const first = { ...attributes, axis: -1, stash_type: 1 };
      const op = "SimplifiedLayerNormalization";
      return cast(graph.op(op, [x, gamma.name], first), type);
    }
    const [z, sum] = [graph.freshName(), graph.freshName()];
    const inputs = [x, cast(y, stream), gamma.name];
    const op = "SkipSimplifiedLayerNormalization";
    graph.add(op, "com.microsoft", inputs, attributes, [z, "", "", sum]);
    x = sum;
    return cast(z, type);
  };
  const selectRows = (value: string): string =>
    graph.op("Gather", [value, "rows"], { axis: 1 });
  for (const [index, layer] of layers.entries()) {
    const z = norm(layer.attentionNorm);
    let attended = emitAttention(graph, decoder, layer, index, z, length);
    if (index === layers.length - 1 && length > 1) {
      x = selectRows(x);
      attended = selectRows(attended);
      length = shape.rows;
    }
    y = layer.out.emit(graph, attended, length);
    const gated = emitGate(graph, layer, norm(layer.mlpNorm), length);
    y = layer.down.emit(graph, gated, length);
  }
  decoder.head.emit(graph, norm(decoder.norm), length);
  graph.nameLastOutput("logits");
  return graph.write(...graphInterface(decoder, shape));
}

function emitAttention(
  graph: OnnxGraphBuilder,
  { config, cos, sin, interleaved }: PlannedDecoder,
  { qkv, scale }: PlannedLayer,
  index: number,
  x: string,
  length: number,
): string {
  const { heads, kvHeads } = config;
  const [q, k, v] = qkv.map((linear) => linear.emit(graph, x, length));
  const past = ["key", "value"].map((kind) => pastName(index, kind));
  const present = ["key", "value"].map((kind) => presentName(index, kind));
  const lengths = ["seqlens_k", "total_sequence_length"];
  return graph.add(
    "GroupQueryAttention",
    "com.microsoft",
    [q, k, v, ...past, ...lengths, cos.name, sin.name],
    {
      num_heads: heads,
      kv_num_heads: kvHeads,
      do_rotary: 1,
      rotary_interleaved: interleaved ? 1 : 0,
      scale: { float: scale },
    },
    [graph.freshName(), ...present],
  );
}

function emitGate(
  graph: OnnxGraphBuilder,
  { gate, packed, up }: PlannedLayer,
  x: string,
  rows: number,
): string {
  let gated = gate.emit(graph, x, rows);
  let other: string | undefined;
  if (packed) {
    const halves = [graph.freshName(), graph.freshName()] as const;
    const attributes = { axis: -1, num_outputs: 2 };
    graph.add("Split", "", [gated], attributes, halves);
    [gated, other] = halves;
  }
  // x · sigmoid(1 x) is SiLU.
  const silu = graph.contribOp("QuickGelu", [gated], { alpha: { float: 1 } });
  other ??= up?.emit(graph, x, rows);
  return other === undefined ? silu : graph.op("Mul", [silu, other]);
}

const pastName = (layer: number, kind: string): string =>
  `past_key_values.${layer}.${kind}`;
const presentName = (layer: number, kind: string): string =>
  `present.${layer}.${kind}`;

function graphInterface(
  { config, type, vocabulary, weights }: PlannedDecoder,
  { length, rows, capacity }: DecoderShape,
): [ValueInfo[], ValueInfo[]] {
  const { hidden, layers, kvHeads, headDim } = config;
  const cache = (name: (layer: number, kind: string) => string): ValueInfo[] =>
    Array.from({ length: layers }, (_, layer) => layer).flatMap((layer) =>
      ["key", "value"].map((kind) => {
        const shape = [1, kvHeads, capacity, headDim];
        return { name: name(layer, kind), type, shape };
      }),
    );
  const integers = (name: string, count: number): ValueInfo => {
    return { name, type: "int32", shape: [count] };
  };
  const inputs = [
    { name: "inputs_embeds", type, shape: [1, length, hidden] },
    integers("seqlens_k", 1),
    integers("total_sequence_length", 1),
    // ONNX Runtime would copy an unused input to the CPU.
    ...(length > 1 ? [integers("rows", rows)] : []),
    ...cache(pastName),
    ...weights.map(({ name, type, dims }) => ({ name, type, shape: dims })),
  ];
  const logits = { name: "logits", type, shape: [1, rows, vocabulary] };
  return [inputs, [logits, ...cache(presentName)]];
}

/** x W + b as our graphs compute it, packing one or several linear layers. */
export interface PlannedLinear {
  readonly weights: readonly Weight[];
  /** Adds the operators for `rows` rows of `x`; returns the name of the result. */
  emit(graph: OnnxGraphBuilder, x: string, rows: number): string;
}

/** Whether the layers can be packed into one matrix product. */
export function canPack(linears: readonly LinearLayer[]): boolean {
  const kinds = linears.map((linear) => {
    const { kind, inner } = linear;
    if (kind === "dense") {
      return [kind, inner, linear.transposed, linear.weight.type].join();
    }
    if (kind === "integer") return kind;
    const { bits, blockSize, accuracy, scales } = linear;
    return [kind, inner, bits, blockSize, accuracy, scales.type].join();
  });
  return new Set(kinds).size === 1;
}

/** Packs layers that `canPack` accepts, and splits one whose weight has more than
 * `largest` bytes. */
export function planLinear(
  linears: readonly LinearLayer[],
  largest: number,
): PlannedLinear {
  const [first, ...others] = linears;
  if (first === undefined || others.length > 0) return planPacked(linears);
  const parts = columnParts(first, largest).map((part) => planPacked([part]));
  const [whole, ...rest] = parts;
  if (whole !== undefined && rest.length === 0) return whole;
  return {
    weights: parts.flatMap(({ weights }) => weights),
    emit: (graph, x, rows) => {
      const results = parts.map((part) => part.emit(graph, x, rows));
      return graph.op("Concat", results, { axis: -1 });
    },
  };
}

function planPacked(linears: readonly LinearLayer[]): PlannedLinear {
  const quantized = linears.filter((linear) => linear.kind === "quantized");
  const dense = linears.filter((linear) => linear.kind === "dense");
  return quantized.length > 0 ? planQuantized(quantized) : planDense(dense);
}

function planDense(linears: readonly DenseLinear[]): PlannedLinear {
  const [first] = linears;
  if (first === undefined) throw new Error("No linear layers to pack");
  const { inner, transposed } = first;
  const { type } = first.weight;
  const outer = totalWidth(linears);
  const stored = linears.map(({ weight }) => weight);
  if (transposed) {
    const weight = concatenated(stored, type, [outer, inner]);
    const bias = joinBiases(linears, type, [1, 1, outer]);
    return {
      weights: [weight, bias],
      emit: (graph, x, rows) => graph.gemm(x, weight, bias, [rows, inner]),
    };
  }
  const dims = [inner, outer];
  const info = { name: nameOf(stored, dims), type, dims };
  const sources = stored.map(({ source }) => source);
  const weight = interleavedWeight(info, sources, inner);
  const bias = biasOf(linears, type);
  return {
    weights: bias === undefined ? [weight] : [weight, bias],
    emit: (graph, x) => graph.matMul(x, weight, bias),
  };
}

function planQuantized(linears: readonly QuantizedLinear[]): PlannedLinear {
  const [first] = linears;
  if (first === undefined) throw new Error("No linear layers to pack");
  const { inner, bits, blockSize, accuracy } = first;
  const { type } = first.scales;
  const outer = totalWidth(linears);
  const count = Math.ceil(inner / blockSize);
  const weight = concatenated(
    linears.map(({ weight }) => weight),
    "uint8",
    [outer, count, (blockSize * bits) / 8],
  );
  const scales = concatenated(
    linears.map(({ scales }) => scales),
    type,
    [outer, count],
  );
  const zeros = zeroPointsOf(linears, bits, Math.ceil((count * bits) / 8));
  const bias = biasOf(linears, type);
  const attributes = {
    ...{ K: inner, N: outer, bits, block_size: blockSize },
    accuracy_level: accuracy,
  };
  const given = [weight, scales, zeros, undefined, bias];
  return {
    weights: given.filter((one) => one !== undefined),
    emit: (graph, x) =>
      graph.contribOp(
        "MatMulNBits",
        [x, ...given.map((w) => w?.name)],
        attributes,
      ),
  };
}

/** Zero points; layers without any get the middle of the range. */
function zeroPointsOf(
  linears: readonly QuantizedLinear[],
  bits: number,
  rowBytes: number,
): Weight | undefined {
  if (linears.every(({ zeros }) => zeros === undefined)) return undefined;
  const middle = { 2: 0xaa, 4: 0x88 }[bits] ?? 0x80;
  const parts = linears.map(
    ({ zeros, outer }) => zeros ?? filled(middle, outer * rowBytes),
  );
  return concatenated(parts, "uint8", [totalWidth(linears), rowBytes]);
}

/** Biases; layers without one get 0. */
function biasOf(
  linears: readonly LinearLayer[],
  type: string,
): Weight | undefined {
  if (linears.every(({ bias }) => bias === undefined)) return undefined;
  return joinBiases(linears, type, [totalWidth(linears)]);
}

function joinBiases(
  linears: readonly LinearLayer[],
  type: string,
  dims: readonly number[],
): Weight {
  const odd = linears.find(({ bias }) => bias && bias.type !== type);
  if (odd !== undefined)
    throw new UnsupportedGraph(
      `bias ${odd.bias?.name} is ${odd.bias?.type}, not ${type}`,
    );
  const bytes = type === "float16" ? 2 : 4;
  const parts = linears.map(
    ({ bias, outer }) => bias ?? filled(0, outer * bytes),
  );
  return concatenated(parts, type, dims);
}

type Part = Pick<StoredTensor, "name" | "source">;

const filled = (fill: number, length: number): Part => {
  return { name: `${length} x ${fill}`, source: { fill, length } };
};

/** The parts one after another. */
function concatenated(
  parts: readonly Part[],
  type: string,
  dims: readonly number[],
): Weight {
  const info = { name: nameOf(parts, dims), type, dims };
  const sources = parts.map(({ source }) => source);
  return concatenatedWeight(info, sources);
}

/** A name that is equal only for the same parts in the same shape. */
const nameOf = (parts: readonly Part[], dims: readonly number[]): string =>
  `decoder/${parts.map(({ name }) => name).join("+")} [${dims.join()}]`;

const totalWidth = (linears: readonly LinearLayer[]): number =>
  linears.reduce((sum, { outer }) => sum + outer, 0);
