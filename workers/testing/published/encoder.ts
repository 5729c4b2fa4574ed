import type { OnnxFile } from "../onnx-file";
import { GraphBuilder, value } from "../graph-builder";

/** Channels of each stage; the image is halved twice before the first one, and once
 * before each other one. */
const WIDTHS = [8, 16, 32, 64, 128];
const [HEAD_DIM, EXPANDED, SQUEEZED] = [32, 256, 16];

/** A small FastViTHD with its projector, written as PyTorch's exporter writes it:
 * dimensions s0, s1 and s2, transposed weights in the attention, Gemm in the
 * projector. */
export class PublishedEncoder extends GraphBuilder {
  readonly #hidden: number;

  constructor(hidden: number) {
    super();
    this.#hidden = hidden;
    const map = this.#tower();
    this.#project(map);
  }

  graph(): OnnxFile {
    const tokens = "(s1//64)*(s2//64)";
    return this.model(
      [value("pixel_values", ["s0", 3, "s1", "s2"])],
      [value("image_features", ["s0", tokens, this.#hidden])],
    );
  }

  #tower(): string {
    let x = "pixel_values";
    let width = 3;
    for (const [stage, next] of WIDTHS.entries()) {
      const at = `stages.${stage}`;
      const group = stage === 0 ? 1 : width;
      const size = stage === 0 ? 3 : 7;
      const dims = [next, width / group, size, size];
      x = this.#gelu(this.#conv(x, `${at}.downsample.0`, dims, group, 2));
      if (stage === 0) {
        const depthwise = [next, 1, 3, 3];
        x = this.#gelu(this.#conv(x, `${at}.stem.1`, depthwise, next, 2));
      }
      x = this.#gelu(this.#conv(x, `${at}.downsample.1`, [next, next, 1, 1]));
      x =
        stage < 3
          ? this.#conv(x, `${at}.token_mixer`, [next, 1, 3, 3], next)
          : this.#attention(
              this.#conv(x, `${at}.pos_emb`, [next, 1, 7, 7], next),
              `${at}.attention`,
              next,
            );
      x = this.#op2("Add", x, this.#mlp(x, `${at}.mlp`, next));
      width = next;
    }
    x = this.#conv(x, "final_conv", [EXPANDED, 1, 3, 3], width);
    return this.#gelu(this.#squeeze(x));
  }

  /** Squeeze and excitation. */
  #squeeze(x: string): string {
    const axes = this.integers("image axes", [2], [2, 3]);
    const mean = this.op("ReduceMean", [x, axes], { keepdims: 1 });
    const few = this.#conv(mean, "se.fc1", [SQUEEZED, EXPANDED, 1, 1]);
    const all = [EXPANDED, SQUEEZED, 1, 1];
    const gates = this.#conv(this.op("Relu", [few]), "se.fc2", all);
    return this.#op2("Mul", x, this.op("Sigmoid", [gates]));
  }

  #project(map: string): void {
    const hidden = this.#hidden;
    const rows = this.integers("rows", [2], [-1, EXPANDED]);
    const flat = this.#flat(map, EXPANDED);
    const first = this.#gemm(
      this.op("Reshape", [flat, rows]),
      "projector.0",
      EXPANDED,
    );
    const second = this.#gemm(this.#gelu(first), "projector.2", hidden);
    const [batch, tokens] = this.#sizes(map);
    const end = this.integers("hidden", [1], [hidden]);
    const shape = this.op("Concat", [batch, tokens, end], { axis: 0 });
    this.op("Reshape", [second, shape], {}, "", ["image_features"]);
  }

  #gemm(x: string, name: string, outer: number): string {
    const inner = EXPANDED;
    const weight = this.random(`${name}.weight`, [outer, inner], spread(inner));
    const bias = this.random(`${name}.bias`, [outer], 0.1);
    return this.op("Gemm", [x, weight, bias], { transB: 1 });
  }

  #mlp(x: string, name: string, width: number): string {
    const mixed = this.#conv(x, `${name}.conv`, [width, 1, 7, 7], width);
    const wide = this.#conv(mixed, `${name}.fc1`, [4 * width, width, 1, 1]);
    const gelu = this.#gelu(wide);
    return this.#conv(gelu, `${name}.fc2`, [width, 4 * width, 1, 1]);
  }

  #attention(x: string, name: string, width: number): string {
    const transpose = (from: string, perm: number[]) =>
      this.op("Transpose", [from], { perm });
    const gamma = this.random(`${name}.norm.weight`, [width], 0.3, 1);
    const beta = this.random(`${name}.norm.bias`, [width], 0.1);
    const norm = this.op(
      "LayerNormalization",
      [transpose(x, [0, 2, 3, 1]), gamma, beta],
      { axis: -1, epsilon: { float: 1e-5 } },
    );
    const tokens = this.#flat(transpose(norm, [0, 3, 1, 2]), width);
    const [batch, count] = this.#sizes(x);
    const heads = this.integers(
      `${name}.heads`,
      [3],
      [3, width / HEAD_DIM, HEAD_DIM],
    );
    const qkv = this.op("Reshape", [
      this.#linear(tokens, `${name}.qkv`, width, 3 * width),
      this.op("Concat", [batch, count, heads], { axis: 0 }),
    ]);
    const split = [..."qkv"].map((part) => `${name}.${part}`);
    const parts = transpose(qkv, [2, 0, 3, 1, 4]);
    this.op("Split", [parts, this.integers("ones", [3], [1, 1, 1])], {}, "", [
      ...split,
    ]);
    const zero = this.integers("zero", [1], [0]);
    const [q = "", k = "", v = ""] = split.map((part) =>
      this.op("Squeeze", [part, zero]),
    );
    const scale = this.floats("scale", [], [HEAD_DIM ** -0.25]);
    const logits = this.#op2(
      "MatMul",
      this.#op2("Mul", q, scale),
      this.#op2("Mul", transpose(k, [0, 1, 3, 2]), scale),
    );
    const weights = this.op("Softmax", [logits], { axis: -1 });
    const attended = transpose(this.#op2("MatMul", weights, v), [0, 2, 1, 3]);
    const end = this.integers(`${name}.width`, [1], [width]);
    const merged = this.op("Reshape", [
      attended,
      this.op("Concat", [batch, count, end], { axis: 0 }),
    ]);
    const y = this.#linear(merged, `${name}.proj`, width, width, true);
    const map = this.op("Reshape", [
      transpose(y, [0, 2, 1]),
      this.op("Shape", [x]),
    ]);
    const layerScale = this.random(`${name}.scale`, [width, 1, 1], 0.3, 0.5);
    return this.#op2("Add", x, this.#op2("Mul", map, layerScale));
  }

  #linear(
    x: string,
    name: string,
    inner: number,
    outer: number,
    biased = false,
  ): string {
    const weight = this.random(`${name}.weight`, [outer, inner], spread(inner));
    const transposed = this.op("Transpose", [weight], { perm: [1, 0] });
    const y = this.#op2("MatMul", x, transposed);
    return biased
      ? this.#op2("Add", y, this.random(`${name}.bias`, [outer], 0.1))
      : y;
  }

  /** [batch, channels, height, width] → [batch, height x width, channels] */
  #flat(map: string, channels: number): string {
    const [batch, tokens] = this.#sizes(map);
    const width = this.integers(`${channels} channels`, [1], [channels]);
    const shape = this.op("Concat", [batch, width, tokens], { axis: 0 });
    const flat = this.op("Reshape", [map, shape]);
    return this.op("Transpose", [flat], { perm: [0, 2, 1] });
  }

  /** The batch and the number of tokens of a feature map. */
  #sizes(map: string): [string, string] {
    const [batch = "", height = "", width = ""] = [0, 2, 3].map((start) =>
      this.op("Shape", [map], { start, end: start + 1 }),
    );
    return [batch, this.#op2("Mul", height, width)];
  }

  #conv(
    x: string,
    name: string,
    dims: readonly number[],
    group = 1,
    stride = 1,
  ): string {
    const [outer = 0, inner = 0, size = 1] = dims;
    const fan = inner * size * size;
    const weight = this.random(`${name}.weight`, dims, 1.6 * spread(fan));
    const bias = this.random(`${name}.bias`, [outer], 0.1);
    return this.op("Conv", [x, weight, bias], {
      kernel_shape: [size, size],
      pads: new Array<number>(4).fill((size - 1) / 2),
      strides: [stride, stride],
      dilations: [1, 1],
      group,
    });
  }

  #gelu(x: string): string {
    const root = this.floats("root of 2", [], [Math.SQRT2]);
    const one = this.floats("one", [], [1]);
    const half = this.floats("half", [], [0.5]);
    const erf = this.op("Erf", [this.#op2("Div", x, root)]);
    const gate = this.#op2("Mul", half, this.#op2("Add", erf, one));
    return this.#op2("Mul", x, gate);
  }

  #op2(op: string, a: string, b: string): string {
    return this.op(op, [a, b]);
  }
}

/** Uniform values of ± this keep the deviation of sums of so many products. */
const spread = (count: number) => Math.sqrt(3 / count);
