import { readConfig } from "../model-files/config";
import type { ValueInfo } from "../onnx/onnx-protos";
import { GraphBuilder, value } from "./graph-builder";
import { onnxFile, type OnnxFile } from "./onnx-file";

/** How an exporter may write the same decoder. */
export interface DecoderVariant {
  readonly products:
    "matmul" | "transposed" | "gemm" | "quantized" | "dequantized";
  /** Bits of quantized weights; `mixed`: 8 for values, 4 for all others. */
  readonly bits: 4 | 8 | "mixed";
  /** Which quantized weights have zero points. */
  readonly zeros: "none" | "some" | "all";
  readonly bias: "none" | "some" | "added" | "inside";
  readonly qkv: "apart" | "packed" | "split";
  readonly rotary: "outside" | "inside";
  readonly interleaved: boolean;
  readonly norm: "skip" | "simplified" | "decomposed";
  readonly gate: "sigmoid" | "quick" | "alone" | "packed";
  /** The rows that have logits: all, the last one, or as many as
   * num_logits_to_keep asks for. */
  readonly rows: "all" | "last" | "asked";
  /** Adds Identity and Cast nodes in between. */
  readonly wrapped: boolean;
}

const DEFAULT_VARIANT: DecoderVariant = {
  products: "matmul",
  bits: 4,
  zeros: "none",
  bias: "added",
  qkv: "apart",
  rotary: "outside",
  interleaved: false,
  norm: "skip",
  gate: "sigmoid",
  rows: "all",
  wrapped: false,
};

/** The sizes of a decoder. */
export interface DecoderSizes {
  readonly hidden: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly ffn: number;
  readonly layers: number;
  readonly words: number;
  readonly positions: number;
  /** Factor of the logits of a word, 1 by default. */
  readonly loudness?: (word: number) => number;
}

const DEFAULT_SIZES: DecoderSizes = {
  hidden: 64,
  heads: 4,
  kvHeads: 2,
  headDim: 16,
  ffn: 96,
  layers: 2,
  words: 50,
  positions: 128,
};

const BLOCK = 32;
const MS = "com.microsoft";
const EPSILON = 1e-5;

const files: Readonly<Record<string, unknown>> = {
  "config.json": {
    hidden_size: DEFAULT_SIZES.hidden,
    num_attention_heads: DEFAULT_SIZES.heads,
    num_key_value_heads: DEFAULT_SIZES.kvHeads,
    num_hidden_layers: DEFAULT_SIZES.layers,
    vocab_size: DEFAULT_SIZES.words,
    max_position_embeddings: DEFAULT_SIZES.positions,
  },
  "tokenizer_config.json": {},
};

export const decoderConfig = readConfig((file) => files[file]);

/** Builds a small decoder of that variant with deterministic random weights. */
export class DecoderBuilder extends GraphBuilder {
  readonly #variant: DecoderVariant;
  readonly #sizes: DecoderSizes;

  constructor(change: Partial<DecoderVariant>, sizes = DEFAULT_SIZES) {
    super();
    this.#sizes = sizes;
    this.#variant = { ...DEFAULT_VARIANT, ...change };
    this.#build();
  }

  file(): Blob {
    return onnxFile(this.graph());
  }

  graph(): OnnxFile {
    const { hidden, kvHeads, headDim, layers, words } = this.#sizes;
    const integers = (name: string): ValueInfo => {
      return { name, type: "int64", shape: ["batch_size", "n"] };
    };
    const caches = (prefix: string): ValueInfo[] =>
      Array.from({ length: layers }, (_, i) => i).flatMap((layer) =>
        ["key", "value"].map((kind) =>
          value(`${prefix}.${layer}.${kind}`, [
            ...["batch_size", kvHeads, "t", headDim],
          ]),
        ),
      );
    const inputs = [
      value("inputs_embeds", ["batch_size", "n", hidden]),
      ...["attention_mask", "position_ids"].map(integers),
      ...(this.#variant.rows === "asked"
        ? [{ name: "num_logits_to_keep", type: "int64", shape: [] }]
        : []),
      ...caches("past_key_values"),
    ];
    const logits = value("logits", ["batch_size", "n", words]);
    return this.model(inputs, [logits, ...caches("present")]);
  }

  #build(): void {
    const { hidden, headDim, layers, words, positions } = this.#sizes;
    const [seqlens, total] = this.#lengths();
    const half = headDim / 2;
    const angles = Array.from({ length: positions * half }, (_, i) => {
      return Math.floor(i / half) / 10000 ** ((i % half) / half);
    });
    const cos = this.floats("cos", [positions, half], angles.map(Math.cos));
    const sin = this.floats("sin", [positions, half], angles.map(Math.sin));
    let x = this.#wrap("inputs_embeds");
    let y: string | undefined;
    for (let layer = 0; layer < layers; layer++) {
      let z: string;
      [x, z] = this.#norm(x, y, `${layer}.n1`);
      y = this.#attention(z, layer, [seqlens, total, cos, sin]);
      [x, z] = this.#norm(x, y, `${layer}.n2`);
      y = this.#mlp(z, layer);
    }
    const [, z] = this.#norm(x, y, "last");
    const rows = this.#selectRows(z);
    const logits = this.#linear(rows, "head", hidden, words, "none");
    this.op("Identity", [logits], {}, "", ["logits"]);
  }

  #selectRows(x: string): string {
    const { rows } = this.#variant;
    if (rows === "all") return x;
    const one = this.integers("one", [1], [1]);
    if (rows === "last") {
      const last = this.integers("last row", [], [-1]);
      const row = this.op("Gather", [x, last], { axis: 1 });
      return this.op("Unsqueeze", [row, one]);
    }
    const start = this.op("Neg", ["num_logits_to_keep"]);
    const starts = this.op("Reshape", [start, one]);
    const end = this.integers("end", [1], [2 ** 31 - 1]);
    return this.op("Slice", [x, starts, end, one]);
  }

  #lengths(): [string, string] {
    const one = this.integers("one", [1], [1]);
    const sum = this.op("ReduceSum", ["attention_mask", one], { keepdims: 0 });
    const last = this.op("Sub", [sum, one]);
    const shape = this.op("Shape", ["attention_mask"]);
    const length = this.op("Gather", [shape, one]);
    const cast = (value: string) => this.op("Cast", [value], { to: 6 });
    return [cast(last), cast(length)];
  }

  #attention(x: string, layer: number, more: readonly string[]): string {
    const { hidden, heads, kvHeads, headDim } = this.#sizes;
    const { qkv, rotary, interleaved } = this.#variant;
    const [seqlens = "", total = "", cos = "", sin = ""] = more;
    const widths = [heads, kvHeads, kvHeads].map((count) => count * headDim);
    let parts: string[];
    if (qkv === "apart") {
      parts = widths.map((width, i) =>
        this.#linear(x, `${layer}.${"qkv"[i]}`, hidden, width),
      );
    } else {
      const width = widths.reduce((a, b) => a + b);
      parts = [this.#linear(x, `${layer}.qkv`, hidden, width), "", ""];
    }
    if (qkv === "split") {
      const sizes = this.integers("widths", [3], widths);
      const outputs = [..."qkv"].map((name) => `${layer}.split.${name}`);
      const inputs = [parts[0] ?? "", sizes];
      this.op("Split", inputs, { axis: -1 }, "", outputs);
      parts = outputs;
    }
    if (rotary === "outside") {
      parts = parts.map((part, i) => {
        if (i === 2) return part;
        const inputs = [part, "position_ids", cos, sin];
        const attributes = { interleaved: interleaved ? 1 : 0 };
        return this.op("RotaryEmbedding", inputs, attributes, MS);
      });
    }
    const inside = rotary === "inside";
    const cache = (prefix: string) =>
      ["key", "value"].map((kind) => `${prefix}.${layer}.${kind}`);
    const attended = `attention ${layer}`;
    this.op(
      "GroupQueryAttention",
      [
        ...parts,
        ...cache("past_key_values"),
        ...[seqlens, total],
        ...(inside ? [cos, sin] : []),
      ],
      {
        num_heads: heads,
        kv_num_heads: kvHeads,
        local_window_size: -1,
        softcap: { float: 0 },
        scale: { float: 1 / Math.sqrt(headDim) },
        do_rotary: inside ? 1 : 0,
        ...(inside && { rotary_interleaved: interleaved ? 1 : 0 }),
      },
      MS,
      [attended, ...cache("present")],
    );
    return this.#linear(
      attended,
      `${layer}.o`,
      heads * headDim,
      hidden,
      "none",
    );
  }

  #mlp(x: string, layer: number): string {
    const { hidden, ffn } = this.#sizes;
    const { gate } = this.#variant;
    if (gate === "packed") {
      const both = this.#linear(x, `${layer}.both`, hidden, 2 * ffn, "none");
      const [a, b] = [`${layer}.split gate`, `${layer}.split up`] as const;
      const attributes = { axis: -1, num_outputs: 2 };
      this.op("Split", [both], attributes, "", [a, b]);
      const silu = this.op("Mul", [this.op("Sigmoid", [a]), a]);
      const y = this.op("Mul", [silu, b]);
      return this.#linear(y, `${layer}.down`, ffn, hidden, "none");
    }
    const gated = this.#linear(x, `${layer}.gate`, hidden, ffn, "none");
    let y =
      gate === "quick"
        ? this.op("QuickGelu", [gated], { alpha: { float: 1 } }, MS)
        : this.op("Mul", [this.op("Sigmoid", [gated]), gated]);
    if (gate !== "alone") {
      const up = this.#linear(x, `${layer}.up`, hidden, ffn, "none");
      y = this.op("Mul", [up, y]);
    }
    return this.#linear(y, `${layer}.down`, ffn, hidden, "none");
  }

  /** x + y and its norm. */
  #norm(x: string, y: string | undefined, name: string): [string, string] {
    const { hidden } = this.#sizes;
    const { norm } = this.#variant;
    const gamma = this.random(`${name}.gamma`, [hidden], 0.5, 1);
    const epsilon = { epsilon: { float: EPSILON } };
    if (norm === "skip" && y !== undefined) {
      const outputs = [`${name}/norm`, "", "", `${name}/sum`];
      const op = "SkipSimplifiedLayerNormalization";
      this.op(op, [x, y, gamma], epsilon, MS, outputs);
      return [`${name}/sum`, this.#wrap(`${name}/norm`)];
    }
    const sum = y === undefined ? x : this.op("Add", [y, x]);
    if (norm === "decomposed") return [sum, this.#decomposed(sum, gamma)];
    const inputs = [sum, gamma];
    const attributes = { ...epsilon, axis: -1 };
    const z = this.op("SimplifiedLayerNormalization", inputs, attributes);
    return [sum, this.#wrap(z)];
  }

  #decomposed(x: string, gamma: string): string {
    const two = this.floats("two", [], [2]);
    const small = this.floats("small", [1], [EPSILON]);
    const last = this.integers("last axis", [1], [-1]);
    const square = this.op("Pow", [this.#wrap(x), two]);
    const mean = this.op("ReduceMean", [square, last], { keepdims: 1 });
    const root = this.op("Sqrt", [this.op("Add", [mean, small])]);
    const inverse = this.op("Reciprocal", [root]);
    return this.op("Mul", [gamma, this.op("Mul", [x, inverse])]);
  }

  #linear(
    x: string,
    name: string,
    inner: number,
    outer: number,
    bias = this.#variant.bias,
  ): string {
    const { products } = this.#variant;
    const has = bias === "some" ? name.endsWith("k") : bias !== "none";
    const b = has ? this.random(`${name}.bias`, [outer], 0.5) : "";
    const inside = bias === "inside" ? b : "";
    const y =
      products === "quantized"
        ? this.#quantized(x, name, inner, outer, inside)
        : this.#dense(x, name, inner, outer, inside);
    return inside === b ? y : this.op("Add", [b, y]);
  }

  #dense(
    x: string,
    name: string,
    inner: number,
    outer: number,
    bias: string,
  ): string {
    const { products } = this.#variant;
    const scale = 1.7 / Math.sqrt(inner);
    if (products === "dequantized")
      return this.#dequantized(x, name, inner, outer);
    if (products === "matmul") {
      const { loudness } = this.#sizes;
      const isHead = name === "head";
      const loud = (i: number) => scale * (loudness?.(i % outer) ?? 1);
      const scales = isHead ? loud : scale;
      const weight = this.random(name, [inner, outer], scales);
      return this.op("MatMul", [x, weight]);
    }
    const weight = this.random(name, [outer, inner], scale);
    if (products === "transposed") {
      const transposed = this.op("Transpose", [weight], { perm: [1, 0] });
      return this.op("MatMul", [x, transposed]);
    }
    const rows = this.integers(`rows of ${inner}`, [2], [-1, inner]);
    const back = this.integers(`by ${outer}`, [3], [1, -1, outer]);
    const inputs = [this.op("Reshape", [x, rows]), weight];
    if (bias !== "") inputs.push(bias);
    const y = this.op("Gemm", inputs, { transB: 1 });
    return this.op("Reshape", [y, back]);
  }

  /** MatMulNBits as basic operators. */
  #dequantized(x: string, name: string, inner: number, outer: number): string {
    const { zeros } = this.#variant;
    const count = inner / BLOCK;
    const has = zeros === "all" || (zeros === "some" && name.endsWith("v"));
    const type = has ? "uint4" : "int4";
    const weight = this.fours(name, type, [inner, outer]);
    const scales = this.random(`${name}.scales`, [count, outer], 0.02, 0.02);
    const inputs = [weight, scales];
    if (has) inputs.push(this.fours(`${name}.zeros`, type, [count, outer]));
    const attributes = { axis: 0, block_size: BLOCK };
    const floats = this.op("DequantizeLinear", inputs, attributes);
    return this.op("MatMul", [x, floats]);
  }

  #quantized(
    x: string,
    name: string,
    inner: number,
    outer: number,
    bias: string,
  ): string {
    const { zeros } = this.#variant;
    const mixed = name.endsWith("v") ? 8 : 4;
    const bits = this.#variant.bits === "mixed" ? mixed : this.#variant.bits;
    const count = inner / BLOCK;
    const blob = (BLOCK * bits) / 8;
    const weight = this.bytes(name, [outer, count, blob]);
    const step = 0.4 / 2 ** bits;
    const scales = this.random(`${name}.scales`, [outer, count], step, step);
    const has = zeros === "all" || (zeros === "some" && name.endsWith("v"));
    const zero = Math.ceil((count * bits) / 8);
    const points = has ? this.bytes(`${name}.zeros`, [outer, zero]) : "";
    const inputs = [x, weight, scales, points, "", bias];
    while (inputs.at(-1) === "") inputs.pop();
    const attributes = { K: inner, N: outer, bits, block_size: BLOCK };
    return this.op("MatMulNBits", inputs, attributes, MS);
  }

  #wrap(x: string): string {
    if (!this.#variant.wrapped) return x;
    return this.op("Cast", [this.op("Identity", [x])], { to: 1 });
  }
}
