import type { ModelConfig } from "../../../model-files/config";
import { typeNumber } from "../../../onnx/onnx-messages";
import type { Rotary } from "./decoder-attention";
import type { MatMul } from "./decoder-matmul";
import { GraphOps } from "../../../onnx/graph-ops";
import type { Value } from "../../../onnx/onnx-writer";
import type { Weight } from "./weight";

export interface PlannedNorm {
  readonly gamma: Weight;
  readonly epsilon: number;
}

export interface PlannedLayer {
  readonly attentionNorm: PlannedNorm;
  /** Packed, or queries, keys and values apart. */
  readonly qkv: readonly MatMul[];
  readonly scale: number;
  readonly out: MatMul;
  readonly mlpNorm: PlannedNorm;
  readonly gate: MatMul;
  readonly up?: MatMul;
  readonly down: MatMul;
}

/** A decoder with its weights in the form our graphs take them. */
export interface PlannedDecoder {
  readonly config: ModelConfig;
  readonly type: "float32" | "float16";
  /** Of the sums and norms, which some keep in full. */
  readonly stream: "float32" | "float16";
  readonly vocabulary: number;
  readonly layers: readonly PlannedLayer[];
  readonly cos: Weight;
  readonly sin: Weight;
  readonly interleaved: Rotary["interleaved"];
  readonly norm: PlannedNorm;
  readonly head: MatMul;
  readonly weights: readonly Weight[];
}

export interface DecoderShape {
  /** Positions that are appended to the cache. */
  readonly length: number;
  /** Of these, those whose logits are wanted. */
  readonly rows: number;
  /** Positions that the cache has room for. */
  readonly capacity: number;
}

/**
 *     x ── norm ── q, k, v ── attention with rotary and cache ── o ─┐
 *     └─────────────────────────────────────────────────────── + ───┤
 *     x ── norm ── silu(gate) · up ── down ── + ──  … ── norm ── head
 *
 * After the last attention only the wanted rows go on. Each sum is in one
 * operator with the norm behind it.
 */
export function writeDecoder(
  decoder: PlannedDecoder,
  shape: DecoderShape,
): Uint8Array<ArrayBuffer> {
  const positions = decoder.cos.dims[0] ?? 0;
  if (shape.capacity > positions) {
    throw new RangeError(`${positions} positions have no ${shape.capacity}th`);
  }
  const graph = new GraphOps();
  const { layers, type, stream } = decoder;
  const cast = (value: string, to: "float32" | "float16"): string =>
    type === stream
      ? value
      : graph.standard("Cast", [value], { to: typeNumber(to) });
  // x is the residual stream, y what is still to be added to it.
  let x = cast("inputs_embeds", stream);
  let y: string | undefined;
  let { length } = shape;
  const norm = ({ gamma, epsilon }: PlannedNorm): string => {
    const attributes = { epsilon: { float: epsilon } };
    if (y === undefined) {
      const first = { ...attributes, axis: -1, stash_type: 1 };
      const op = "SimplifiedLayerNormalization";
      return cast(graph.standard(op, [x, gamma.name], first), type);
    }
    const [z, sum] = [graph.fresh(), graph.fresh()];
    const inputs = [x, cast(y, stream), gamma.name];
    const op = "SkipSimplifiedLayerNormalization";
    graph.add(op, "com.microsoft", inputs, attributes, [z, "", "", sum]);
    x = sum;
    return cast(z, type);
  };
  const wanted = (value: string): string =>
    graph.standard("Gather", [value, "rows"], { axis: 1 });
  for (const [index, layer] of layers.entries()) {
    const z = norm(layer.attentionNorm);
    let attended = attend(graph, decoder, index, z, length);
    if (index === layers.length - 1 && length > 1) {
      x = wanted(x);
      attended = wanted(attended);
      length = shape.rows;
    }
    y = layer.out.emit(graph, attended, length);
    const gated = gate(graph, layer, norm(layer.mlpNorm), length);
    y = layer.down.emit(graph, gated, length);
  }
  decoder.head.emit(graph, norm(decoder.norm), length);
  graph.nameLast("logits");
  return graph.write(...valuesOf(decoder, shape));
}

function attend(
  graph: GraphOps,
  { config, layers, cos, sin, interleaved }: PlannedDecoder,
  index: number,
  x: string,
  length: number,
): string {
  const { heads, kvHeads } = config;
  const { qkv = [], scale = 0 } = layers[index] ?? {};
  const [q, k, v] = qkv.map((product) => product.emit(graph, x, length));
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
    [graph.fresh(), ...present],
  );
}

function gate(
  graph: GraphOps,
  { gate, up }: PlannedLayer,
  x: string,
  rows: number,
): string {
  const gated = gate.emit(graph, x, rows);
  // x · sigmoid(1 x) is SiLU.
  const silu = graph.own("QuickGelu", [gated], { alpha: { float: 1 } });
  if (up === undefined) return silu;
  return graph.standard("Mul", [silu, up.emit(graph, x, rows)]);
}

const pastName = (layer: number, kind: string): string =>
  `past_key_values.${layer}.${kind}`;
const presentName = (layer: number, kind: string): string =>
  `present.${layer}.${kind}`;

function valuesOf(
  { config, type, vocabulary, weights }: PlannedDecoder,
  { length, rows, capacity }: DecoderShape,
): [Value[], Value[]] {
  const { hidden, layers, kvHeads, headDim } = config;
  const cache = (name: (layer: number, kind: string) => string): Value[] =>
    Array.from({ length: layers }, (_, layer) => layer).flatMap((layer) =>
      ["key", "value"].map((kind) => {
        const shape = [1, kvHeads, capacity, headDim];
        return { name: name(layer, kind), type, shape };
      }),
    );
  const integers = (name: string, count: number): Value => {
    return { name, type: "int32", shape: [count] };
  };
  const inputs = [
    { name: "inputs_embeds", type, shape: [1, length, hidden] },
    integers("seqlens_k", 1),
    integers("total_sequence_length", 1),
    // An input that nothing takes would be copied to the processor.
    ...(length > 1 ? [integers("rows", rows)] : []),
    ...cache(pastName),
    ...weights.map(({ name, type, dims }) => ({ name, type, shape: dims })),
  ];
  const logits = { name: "logits", type, shape: [1, rows, vocabulary] };
  return [inputs, [logits, ...cache(presentName)]];
}
