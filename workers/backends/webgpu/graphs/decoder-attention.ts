import type { ModelConfig } from "../../../model-files/config";
import type { OnnxNode } from "../../../onnx/onnx";
import { readLinear, type Linear } from "./decoder-linear";
import { UnsupportedGraph } from "./weight";
import type { Stored, Wiring } from "../../../onnx/wiring";

/** Cosines and sines of positions, [positions, rotated / 2]. */
export interface Rotary {
  readonly cos: Stored;
  readonly sin: Stored;
  readonly interleaved: boolean;
}

/** o(softmax(q · k / sqrt(d)) v), several heads of q to one of k and v. */
export interface Attention {
  /** Queries, keys and values: one after another or apart. */
  readonly qkv: readonly Linear[];
  readonly out: Linear;
  readonly rotary: Rotary;
  /** Of the products, if it is not 1 / sqrt(headDim). */
  readonly scale: number;
}

/** What is understood of the operator's attributes; others must be off. */
const KNOWN = [
  "num_heads",
  "kv_num_heads",
  "scale",
  "do_rotary",
  "rotary_interleaved",
  "local_window_size",
];

/** The attention of layer `index` that gives `value`. */
export function readAttention(
  wiring: Wiring,
  value: string,
  index: number,
  config: ModelConfig,
): Attention & { readonly input: string } {
  const { input: attended, linear: out } = readLinear(wiring, value);
  const node = wiring.maker(attended);
  if (node?.op !== "GroupQueryAttention") {
    throw new UnsupportedGraph(
      `${attended} comes from ${node?.op}, no known attention`,
    );
  }
  checkNode(wiring, node, index, config);
  const { attributes, floats, inputs } = node;
  const [q = "", k = "", v = "", , , , , cos, sin] = inputs;
  const inside = attributes.get("do_rotary") === 1;
  const queries = inside ? undefined : readRotary(wiring, q, config);
  const keys = inside ? undefined : readRotary(wiring, k, config);
  const rotary = inside
    ? tablesOf(wiring, cos, sin, attributes.get("rotary_interleaved"))
    : queries?.rotary;
  if (rotary === undefined) throw new UnsupportedGraph(`${q} has no positions`);
  if (!inside && !sameRotary(rotary, keys?.rotary)) {
    throw new UnsupportedGraph(
      `${q} and ${k} have positions of different kinds`,
    );
  }
  checkRotary(rotary, config);
  const sources = [queries?.input ?? q, keys?.input ?? k, v];
  const { input, qkv } = readQkv(wiring, sources, config);
  const width = config.heads * config.headDim;
  if (out.inner !== width)
    throw new UnsupportedGraph(`${value} is not of ${width} rows`);
  const scale = floats.get("scale") ?? 0;
  return { qkv, out, rotary, scale, input };
}

function checkNode(
  wiring: Wiring,
  { attributes, floats, texts, inputs, outputs }: OnnxNode,
  index: number,
  { heads, kvHeads, contextLength }: ModelConfig,
): void {
  const [, , , , , lengths = "", total = "", , , ...more] = inputs;
  for (const [i, kind] of ["key", "value"].entries()) {
    const [past = "", present] = [inputs[3 + i], outputs[1 + i]];
    const isPast = wiring.source(past) === `past_key_values.${index}.${kind}`;
    if (!isPast || wiring.source(`present.${index}.${kind}`) !== present) {
      throw new UnsupportedGraph(
        `layer ${index} keeps its ${kind}s in ${past}`,
      );
    }
  }
  const own = [attributes.get("num_heads"), attributes.get("kv_num_heads")];
  if (own[0] !== heads || own[1] !== kvHeads) {
    throw new UnsupportedGraph(`attention has ${own.join(" and ")} heads`);
  }
  const window = attributes.get("local_window_size") ?? -1;
  if (window >= 0 && window < contextLength) {
    throw new UnsupportedGraph(`attention sees ${window} positions only`);
  }
  const numbers = [...attributes, ...floats].filter(
    ([name, set]) => !KNOWN.includes(name) && set !== 0 && set !== -1,
  );
  const words = [...texts].filter(([, set]) => set !== "NONE");
  const [odd] = [...numbers, ...words];
  if (odd !== undefined)
    throw new UnsupportedGraph(`attention has ${odd.join(" ")}`);
  const [positions = "", ...others] = more;
  if (others.some((name) => name !== "")) {
    throw new UnsupportedGraph(`attention takes ${others.join(", ")} as well`);
  }
  for (const name of [lengths, total, positions]) checkPlace(wiring, name);
}

/** Lengths and positions must be told by what tells nothing else. */
function checkPlace(wiring: Wiring, name: string): void {
  if (wiring.comesOf(name, ["attention_mask", "position_ids"])) return;
  throw new UnsupportedGraph(
    `${name} depends on more than the mask and positions`,
  );
}

/** What a RotaryEmbedding turns, and by which tables. */
function readRotary(wiring: Wiring, value: string, config: ModelConfig) {
  const node = wiring.maker(value);
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
  if (odd) throw new UnsupportedGraph(`${value} has positions of its own kind`);
  checkPlace(wiring, positions ?? "");
  const rotary = tablesOf(wiring, cos, sin, attributes.get("interleaved"));
  const part = attributes.get("rotary_embedding_dim") ?? 0;
  const rotated = 2 * (rotary.cos.dims[1] ?? 0);
  if (rotated !== (part === 0 ? config.headDim : part)) {
    throw new UnsupportedGraph(`${value} turns ${part} of ${rotated} numbers`);
  }
  return { input, rotary };
}

function tablesOf(
  wiring: Wiring,
  cosName: string | undefined,
  sinName: string | undefined,
  interleaved = 0,
): Rotary {
  const [cos, sin] = [wiring.stored(cosName), wiring.stored(sinName)];
  if (cos === undefined || sin === undefined) {
    throw new UnsupportedGraph(
      `${cosName} or ${sinName} is no table in the file`,
    );
  }
  return { cos, sin, interleaved: interleaved === 1 };
}

function checkRotary(
  { cos, sin }: Rotary,
  { headDim, contextLength }: ModelConfig,
): void {
  const [rows = 0, half = 0, ...more] = cos.dims;
  const fits = more.length === 0 && half > 0 && 2 * half <= headDim;
  if (!fits || cos.dims.join() !== sin.dims.join()) {
    throw new UnsupportedGraph(
      `${cos.name} and ${sin.name} are no tables of positions`,
    );
  }
  if (rows < contextLength) {
    throw new UnsupportedGraph(
      `${cos.name} has ${rows} of ${contextLength} positions`,
    );
  }
}

export function sameRotary(a: Rotary, b: Rotary | undefined): boolean {
  return (
    a.cos.name === b?.cos.name &&
    a.sin.name === b.sin.name &&
    a.interleaved === b.interleaved
  );
}

/** One product or three, all of the same value. */
function readQkv(
  wiring: Wiring,
  sources: readonly string[],
  { heads, kvHeads, headDim }: ModelConfig,
): { readonly input: string; readonly qkv: readonly Linear[] } {
  const [q = "", k = "", v = ""] = packedIn(wiring, sources) ?? sources;
  const names = k === "" && v === "" ? [q] : [q, k, v];
  const read = names.map((name) => readLinear(wiring, name));
  const widths = [heads, kvHeads, kvHeads].map((count) => count * headDim);
  const wanted =
    names.length === 1 ? [widths.reduce((a, b) => a + b, 0)] : widths;
  const input = read[0]?.input ?? "";
  for (const [i, one] of read.entries()) {
    if (one.linear.outer !== wanted[i]) {
      throw new UnsupportedGraph(`${names[i]} has ${one.linear.outer} columns`);
    }
    if (wiring.source(one.input) !== wiring.source(input)) {
      throw new UnsupportedGraph(
        `${names[i]} is not of the same value as ${q}`,
      );
    }
  }
  return { input, qkv: read.map(({ linear }) => linear) };
}

/** What is split into the three, if they come of one Split in this order. */
function packedIn(
  wiring: Wiring,
  sources: readonly string[],
): string[] | undefined {
  const split = wiring.maker(sources[0]);
  if (split?.op !== "Split" || !isLastAxis(split)) return undefined;
  const inOrder = sources.every(
    (name, i) => wiring.source(name) === split.outputs[i],
  );
  return inOrder ? [split.inputs[0] ?? "", "", ""] : undefined;
}

const isLastAxis = ({ attributes }: OnnxNode): boolean =>
  [-1, 2].includes(attributes.get("axis") ?? 0);
