import type { ModelConfig } from "../../../model-files/config";
import type { OnnxGraph } from "../../../onnx/onnx-reader";
import type { OnnxNode } from "../../../onnx/onnx-protos";
import { Dataflow, type StoredTensor } from "./dataflow";
import { isLinear, readLinear, type LinearLayer } from "./decoder-linear";
import {
  readNorm,
  streamOf,
  type RmsNorm,
  type ResidualStream,
} from "./decoder-norm";
import { UnsupportedGraph } from "../../backend";

export interface DecoderLayer {
  readonly attentionNorm: RmsNorm;
  readonly attention: GroupedQueryAttention;
  readonly mlpNorm: RmsNorm;
  readonly mlp: GatedMlp;
}

export interface DecoderStructure {
  readonly layers: readonly DecoderLayer[];
  readonly norm: RmsNorm;
  readonly head: LinearLayer;
}

/**
 * Matches a published decoder from its output backwards: logits ← head ← norm ←
 * x + mlp(norm(x)) ← x + attention(norm(x)) ← … ← inputs_embeds. Only the names of
 * graph inputs and outputs matter.
 */
export async function readDecoder(
  graph: OnnxGraph,
  external: ReadonlyMap<string, Blob>,
  config: ModelConfig,
): Promise<DecoderStructure> {
  const flow = new Dataflow(graph, external);
  const head = readLinear(flow, "logits");
  const last = await readNorm(flow, await allRows(flow, head.input));
  const layers: DecoderLayer[] = [];
  let { stream } = last;
  while (stream.id !== "inputs_embeds") {
    if (layers.length === config.layers) {
      throw new UnsupportedGraph(
        `the graph has more than ${config.layers} layers`,
      );
    }
    const added = splitResidual(flow, stream);
    const mlp = readMlp(flow, added.branch);
    const middle = await readNorm(flow, mlp.input);
    checkSameStream(middle.stream, added.before);
    const attended = splitResidual(flow, middle.stream);
    const index = config.layers - 1 - layers.length;
    const attention = readAttention(flow, attended.branch, index, config);
    const later = layers[0]?.attention.rotary;
    if (later !== undefined && !sameRotary(attention.rotary, later)) {
      throw new UnsupportedGraph(
        `layer ${index} and the next layer use different rotary tables`,
      );
    }
    const first = await readNorm(flow, attention.input);
    checkSameStream(first.stream, attended.before);
    layers.unshift({
      attentionNorm: first.norm,
      attention,
      mlpNorm: middle.norm,
      mlp,
    });
    stream = first.stream;
  }
  if (layers.length !== config.layers) {
    throw new UnsupportedGraph(
      `the graph has ${layers.length} layers, not ${config.layers}`,
    );
  }
  return { layers, norm: last.norm, head: head.linear };
}

/** The hidden states of all positions, of which `value` may be the last ones. Our
 * graphs select rows themselves. */
async function allRows(flow: Dataflow, value: string): Promise<string> {
  const node = flow.producer(value);
  if (node === undefined) return value;
  const { op, attributes } = node;
  const [input = "", first = "", , axes, step] = node.inputs;
  if (op === "Unsqueeze") return allRows(flow, input);
  const isLast = (await flow.scalar(first)) === -1;
  if (op === "Gather" && attributes.get("axis") === 1 && isLast) return input;
  const asked =
    flow.inputs.has(LOGITS_TO_KEEP) &&
    flow.dependsOnlyOn(first, [LOGITS_TO_KEEP]);
  const rows =
    op === "Slice" &&
    (await flow.scalar(axes)) === 1 &&
    ((await flow.scalar(step)) ?? 1) === 1;
  return rows && (isLast || asked) ? input : value;
}

/** The residual stream before an addition, and the branch that was added. */
function splitResidual(
  flow: Dataflow,
  { id, parts }: ResidualStream,
): { before: ResidualStream; branch: string } {
  if (parts === undefined)
    throw new UnsupportedGraph(
      `${id} is not a sum of the residual stream and a branch`,
    );
  const [a, b] = parts;
  const [left, right] = [isLinear(flow, a), isLinear(flow, b)];
  if (left === right)
    throw new UnsupportedGraph(
      `exactly one summand of ${id} must be a linear layer`,
    );
  const [before, branch] = left ? [b, a] : [a, b];
  return { before: streamOf(flow, before), branch };
}

function checkSameStream(
  found: ResidualStream,
  expected: ResidualStream,
): void {
  if (found.id === expected.id) return;
  throw new UnsupportedGraph(
    `a branch that is added to ${expected.id} begins at ${found.id}`,
  );
}

/** Cosine and sine tables of rotary embeddings, [positions, rotated / 2]. */
interface RotaryTables {
  readonly cos: StoredTensor;
  readonly sin: StoredTensor;
  readonly interleaved: boolean;
  readonly positions: number;
  /** Features of each head that are rotated. */
  readonly rotated: number;
}

/** Grouped-query attention: out(softmax(scale · q k^T) v), several query heads to
 * one key and value head. */
interface GroupedQueryAttention {
  /** One packed projection, or one each for queries, keys and values. */
  readonly qkv: readonly LinearLayer[];
  readonly out: LinearLayer;
  readonly rotary: RotaryTables;
  /** Scale of the attention scores; 0 for 1 / sqrt(headDim). */
  readonly scale: number;
}

/** The number of positions whose logits are wanted, from the last one. */
const LOGITS_TO_KEEP = "num_logits_to_keep";

/** Attributes that are read; others must have their neutral value. */
const SUPPORTED_ATTRIBUTES = [
  "num_heads",
  "kv_num_heads",
  "scale",
  "do_rotary",
  "rotary_interleaved",
  "local_window_size",
];

/** Matches the attention branch of layer `index` that ends in `value`. */
function readAttention(
  flow: Dataflow,
  value: string,
  index: number,
  config: ModelConfig,
): GroupedQueryAttention & { readonly input: string } {
  const { input: attended, linear: out } = readLinear(flow, value);
  const node = flow.producer(attended);
  if (node?.op !== "GroupQueryAttention") {
    throw new UnsupportedGraph(
      `${attended} is computed by ${node?.op ?? "no node"}, not by GroupQueryAttention`,
    );
  }
  checkAttentionNode(flow, node, index, config);
  const { attributes, floats, inputs } = node;
  const [q = "", k = "", v = "", , , , , cos, sin] = inputs;
  const inside = attributes.get("do_rotary") === 1;
  const queries = inside ? undefined : readRotary(flow, q, config);
  const keys = inside ? undefined : readRotary(flow, k, config);
  const rotary = inside
    ? readTables(flow, cos, sin, attributes.get("rotary_interleaved"))
    : queries?.rotary;
  if (rotary === undefined)
    throw new UnsupportedGraph(`queries ${q} have no rotary embedding`);
  if (!inside && !sameRotary(rotary, keys?.rotary)) {
    throw new UnsupportedGraph(
      `queries ${q} and keys ${k} use different rotary embeddings`,
    );
  }
  checkRotary(rotary, config);
  const sources = [queries?.input ?? q, keys?.input ?? k, v];
  const { input, qkv } = readQkv(flow, sources, config);
  const width = config.heads * config.headDim;
  if (out.inner !== width)
    throw new UnsupportedGraph(
      `attention output ${value} takes ${out.inner} features, not ${width}`,
    );
  const scale = floats.get("scale") ?? 0;
  return { qkv, out, rotary, scale, input };
}

function checkAttentionNode(
  flow: Dataflow,
  { attributes, floats, texts, inputs, outputs }: OnnxNode,
  index: number,
  { heads, kvHeads, contextLength }: ModelConfig,
): void {
  const [, , , , , lengths = "", total = "", , , ...more] = inputs;
  for (const [i, kind] of ["key", "value"].entries()) {
    const [past = "", present] = [inputs[3 + i], outputs[1 + i]];
    const isPast = flow.source(past) === `past_key_values.${index}.${kind}`;
    if (!isPast || flow.source(`present.${index}.${kind}`) !== present) {
      throw new UnsupportedGraph(
        `layer ${index} does not keep its ${kind}s in past_key_values.${index}.${kind} and present.${index}.${kind}, but in ${past}`,
      );
    }
  }
  const own = [attributes.get("num_heads"), attributes.get("kv_num_heads")];
  if (own[0] !== heads || own[1] !== kvHeads) {
    throw new UnsupportedGraph(
      `GroupQueryAttention has ${own.join(" and ")} heads, not ${heads} and ${kvHeads}`,
    );
  }
  const window = attributes.get("local_window_size") ?? -1;
  if (window >= 0 && window < contextLength) {
    throw new UnsupportedGraph(
      `GroupQueryAttention has a local window of ${window} positions`,
    );
  }
  const neutral = (name: string, set: number) => {
    // ONNX Runtime writes 1; with 0 a position attends to later ones.
    if (name === "causal") return set === 1;
    // Without effect, since the weights of such norms are further inputs.
    if (name === "qk_norm_epsilon") return true;
    return set === 0 || set === -1;
  };
  const numbers = [...attributes, ...floats].filter(
    ([name, set]) =>
      !SUPPORTED_ATTRIBUTES.includes(name) && !neutral(name, set),
  );
  const words = [...texts].filter(([, set]) => set !== "NONE");
  const [odd] = [...numbers, ...words];
  if (odd !== undefined)
    throw new UnsupportedGraph(
      `GroupQueryAttention has ${odd.join(" ")}, which is not supported`,
    );
  const [positions = "", ...others] = more;
  const unsupported = others.filter((name) => name !== "");
  if (unsupported.length > 0) {
    throw new UnsupportedGraph(
      `GroupQueryAttention has the inputs ${unsupported.join(", ")}, which are not supported`,
    );
  }
  for (const name of [lengths, total, positions])
    checkPositionSource(flow, name);
}

/** Lengths and positions may depend on the mask and the position ids only. */
function checkPositionSource(flow: Dataflow, name: string): void {
  if (flow.dependsOnlyOn(name, ["attention_mask", "position_ids"])) return;
  throw new UnsupportedGraph(
    `${name} depends on more than attention_mask and position_ids`,
  );
}

/** The input and the tables of a RotaryEmbedding. */
function readRotary(flow: Dataflow, value: string, config: ModelConfig) {
  const node = flow.producer(value);
  if (node?.op !== "RotaryEmbedding") return undefined;
  const { domain, inputs, attributes, floats } = node;
  const own = domain === "com.microsoft";
  const [input = "", first, second, third] = inputs;
  const [positions, cos, sin] = own
    ? [first, second, third]
    : [third, first, second];
  const odd =
    (floats.get("scale") ?? 1) !== 1 ||
    (attributes.get("is_packed_batching") ?? 0) !== 0;
  if (odd)
    throw new UnsupportedGraph(
      `RotaryEmbedding ${value} has a scale or packed batching, which are not supported`,
    );
  if (positions === undefined) {
    throw new UnsupportedGraph(`RotaryEmbedding ${value} has no positions`);
  }
  checkPositionSource(flow, positions);
  const rotary = readTables(flow, cos, sin, attributes.get("interleaved"));
  const part = attributes.get("rotary_embedding_dim") ?? 0;
  const { rotated } = rotary;
  if (rotated !== (part === 0 ? config.headDim : part)) {
    throw new UnsupportedGraph(
      `RotaryEmbedding ${value} rotates ${part} features where its tables have ${rotated}`,
    );
  }
  return { input, rotary };
}

function readTables(
  flow: Dataflow,
  cosName: string | undefined,
  sinName: string | undefined,
  interleaved = 0,
): RotaryTables {
  const [cos, sin] = [flow.storedTensor(cosName), flow.storedTensor(sinName)];
  if (cos === undefined || sin === undefined) {
    throw new UnsupportedGraph(
      `rotary table ${cosName} or ${sinName} is not stored in the file`,
    );
  }
  const [positions, half, ...more] = cos.dims;
  if (
    positions === undefined ||
    half === undefined ||
    more.length > 0 ||
    cos.dims.join() !== sin.dims.join()
  ) {
    throw new UnsupportedGraph(
      `rotary tables ${cos.name} and ${sin.name} have the shapes [${cos.dims.join()}] and [${sin.dims.join()}]`,
    );
  }
  const rotated = 2 * half;
  return { cos, sin, interleaved: interleaved === 1, positions, rotated };
}

function checkRotary(
  { cos, positions, rotated }: RotaryTables,
  { headDim, contextLength }: ModelConfig,
): void {
  if (rotated === 0 || rotated > headDim) {
    throw new UnsupportedGraph(
      `rotary table ${cos.name} rotates ${rotated} of ${headDim} features`,
    );
  }
  if (positions < contextLength) {
    throw new UnsupportedGraph(
      `rotary table ${cos.name} has ${positions} of ${contextLength} positions`,
    );
  }
}

function sameRotary(a: RotaryTables, b: RotaryTables | undefined): boolean {
  return (
    a.cos.name === b?.cos.name &&
    a.sin.name === b.sin.name &&
    a.interleaved === b.interleaved
  );
}

/** The packed projection or the three projections, all of the same input. */
function readQkv(
  flow: Dataflow,
  sources: readonly string[],
  { heads, kvHeads, headDim }: ModelConfig,
): { readonly input: string; readonly qkv: readonly LinearLayer[] } {
  const packed = packedInput(flow, sources);
  const [q = "", k = "", v = ""] = packed === undefined ? sources : [packed];
  const names = k === "" && v === "" ? [q] : [q, k, v];
  const read = names.map((name) => readLinear(flow, name));
  const widths = [heads, kvHeads, kvHeads].map((count) => count * headDim);
  const wanted =
    names.length === 1 ? [widths.reduce((a, b) => a + b, 0)] : widths;
  const [first] = read;
  if (first === undefined) throw new Error("No projections to read");
  const { input } = first;
  for (const [i, one] of read.entries()) {
    if (one.linear.outer !== wanted[i]) {
      throw new UnsupportedGraph(
        `projection ${names[i]} has ${one.linear.outer} output features, not ${wanted[i]}`,
      );
    }
    if (flow.source(one.input) !== flow.source(input)) {
      throw new UnsupportedGraph(
        `projections ${names[i]} and ${q} have different inputs`,
      );
    }
  }
  return { input, qkv: read.map(({ linear }) => linear) };
}

/** The input of the Split whose outputs are `sources`, in this order. */
function packedInput(
  flow: Dataflow,
  sources: readonly string[],
): string | undefined {
  const split = flow.producer(sources[0]);
  if (split?.op !== "Split" || !isLastAxis(split)) return undefined;
  const inOrder =
    sources.length === split.outputs.length &&
    sources.every((name, i) => flow.source(name) === split.outputs[i]);
  return inOrder ? split.inputs[0] : undefined;
}

const isLastAxis = ({ attributes }: OnnxNode): boolean =>
  [-1, 2].includes(attributes.get("axis") ?? 0);

/** down(silu(gate x) · up x), or down(silu(gate x)). */
interface GatedMlp {
  /** Gate and up in one projection if `packed`. */
  readonly gate: LinearLayer;
  readonly packed: boolean;
  readonly up?: LinearLayer;
  readonly down: LinearLayer;
}

function readMlp(
  flow: Dataflow,
  value: string,
): GatedMlp & { readonly input: string } {
  const { input, linear: down } = readLinear(flow, value);
  const alone = siluInput(flow, input);
  if (alone !== undefined) {
    const gate = readLinear(flow, alone);
    return { gate: gate.linear, packed: false, down, input: gate.input };
  }
  const node = flow.producer(input);
  const [a = "", b = ""] = node?.op === "Mul" ? node.inputs : [];
  const [left, right] = [siluInput(flow, a), siluInput(flow, b)];
  const gated = left ?? right;
  if (gated === undefined) {
    throw new UnsupportedGraph(
      `${input} is computed by ${node?.op ?? "no node"}, not by a SiLU gate`,
    );
  }
  const other = left === undefined ? a : b;
  const both = packedInput(flow, [gated, other]);
  if (both !== undefined) {
    const { linear, input } = readLinear(flow, both);
    if (linear.outer !== 2 * down.inner) {
      throw new UnsupportedGraph(
        `projection ${both} has ${linear.outer} output features, not ${2 * down.inner}`,
      );
    }
    return { gate: linear, packed: true, down, input };
  }
  const gate = readLinear(flow, gated);
  const up = readLinear(flow, other);
  if (flow.source(gate.input) !== flow.source(up.input)) {
    throw new UnsupportedGraph(
      `gate and up projections of ${input} have different inputs`,
    );
  }
  return {
    gate: gate.linear,
    packed: false,
    up: up.linear,
    down,
    input: gate.input,
  };
}

/** x, if `value` is x · sigmoid(x). */
function siluInput(flow: Dataflow, value: string): string | undefined {
  const node = flow.producer(value);
  if (node === undefined) return undefined;
  const [a = "", b = ""] = node.inputs;
  if (isSwish(node)) return a;
  if (node.op !== "Mul") return undefined;
  const isSigmoidOf = (gate: string, x: string): boolean => {
    const sigmoid = flow.producer(gate);
    const [of = ""] = sigmoid?.inputs ?? [];
    return sigmoid?.op === "Sigmoid" && flow.source(of) === flow.source(x);
  };
  if (isSigmoidOf(b, a)) return a;
  return isSigmoidOf(a, b) ? b : undefined;
}

/** Whether a node is x · sigmoid(x): the default alpha of QuickGelu is not 1. */
function isSwish({ op, floats }: OnnxNode): boolean {
  if (op === "QuickGelu") return floats.get("alpha") === 1;
  return op === "Swish" && (floats.get("alpha") ?? 1) === 1;
}
