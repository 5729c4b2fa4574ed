import { GraphOps } from "../../../onnx/graph-ops";
import { blockWeights } from "./vision-blocks";
import { channelsOf, isPoint } from "./vision-heads";
import type { Kernel } from "./vision-kernel";
import type { Activation, Layer, LayerOf, PerChannel } from "./vision-layers";
import { kernelWeight, vector, type Float } from "./vision-weights";
import { UnsupportedGraph, type Weight } from "./weight";

export interface Written {
  readonly model: Uint8Array<ArrayBuffer>;
  readonly weights: readonly Weight[];
}

/**
 * The graph of layers that end in `last`, for pixels of one side, as ONNX
 * Runtime runs it quickest on WebGPU: what mixes pixels or has a bias is a
 * Conv, which takes its bias and Gelu along; in its own order, channels last,
 * the Transposes about norms and attention vanish.
 */
export function writeVision(last: Layer, side: number, type: Float): Written {
  return new Writer(last, type).write(side);
}

/** A layer's result under a name, as [1, channels, height, width] and as
 * [1, pixels, channels]. */
interface Forms {
  map?: string;
  tokens?: string;
}

const FLOAT16 = 10;

class Writer {
  readonly #last: Layer;
  readonly #type: Float;
  readonly #ops = new GraphOps();
  readonly #weights = new Map<string, Weight>();
  readonly #forms = new Map<Layer, Forms>();
  #count = 0;

  constructor(last: Layer, type: Float) {
    this.#last = last;
    this.#type = type;
  }

  write(side: number): Written {
    const { height, width, channels } = this.#last;
    const { tokens } = this.#formsOf(this.#last);
    // A Reshape at the end would be a copy, which captures leave out.
    if (tokens === undefined) {
      const result = this.#tokens(this.#last);
      const zero = this.#vector(`${this.#next()}.bias`, 0, 1);
      this.#ops.standard("Add", [result, zero]);
    }
    this.#ops.nameLast("image_features");
    const weights = [...this.#weights.values()];
    const shape = [1, 3, side, side];
    const model = this.#ops.write(
      [
        { name: "pixel_values", type: "float32", shape },
        ...weights.map(({ name, type, dims }) => ({ name, type, shape: dims })),
      ],
      [
        {
          name: "image_features",
          type: this.#type,
          shape: [1, height * width, channels],
        },
      ],
    );
    return { model, weights };
  }

  #map(layer: Layer): string {
    const forms = this.#formsOf(layer);
    if (forms.map !== undefined) return forms.map;
    const { height, width, channels } = layer;
    const shape = [1, height, width, channels];
    const image = this.#ops.reshape(this.#tokens(layer), shape);
    forms.map = this.#ops.standard("Transpose", [image], {
      perm: [0, 3, 1, 2],
    });
    return forms.map;
  }

  #tokens(layer: Layer): string {
    const forms = this.#formsOf(layer);
    if (forms.tokens !== undefined) return forms.tokens;
    const perm = [0, 2, 3, 1];
    const image = this.#ops.standard("Transpose", [this.#map(layer)], { perm });
    const { height, width, channels } = layer;
    forms.tokens = this.#ops.reshape(image, [1, height * width, channels]);
    return forms.tokens;
  }

  #formsOf(layer: Layer): Forms {
    let forms = this.#forms.get(layer);
    if (forms === undefined) {
      forms = this.#compute(layer);
      this.#forms.set(layer, forms);
    }
    return forms;
  }

  #compute(layer: Layer): Forms {
    switch (layer.kind) {
      case "pixels":
        return { map: this.#pixels() };
      case "conv":
        return this.#convolution(layer);
      case "blocks":
        return { tokens: this.#blocks(layer) };
      case "norm":
        return { tokens: this.#norm(layer) };
      case "attention":
        return { tokens: this.#attention(layer) };
      case "affine":
        return { map: this.#affine(layer) };
      case "activation":
        return this.#activation(layer);
      case "pool": {
        const { kernel, strides } = layer.window;
        const attributes = { kernel_shape: [...kernel], strides: [...strides] };
        const input = this.#map(layer.input);
        return { map: this.#ops.standard("AveragePool", [input], attributes) };
      }
      case "mean": {
        if (layer.over === "channels") throw unknown("a mean of channels");
        const input = this.#map(layer.input);
        return { map: this.#ops.standard("GlobalAveragePool", [input]) };
      }
      case "binary": {
        const op = { add: "Add", sub: "Sub", mul: "Mul", div: "Div" }[layer.op];
        const inputs = layer.inputs.map((input) => this.#map(input));
        return { map: this.#ops.standard(op, inputs) };
      }
      case "unary":
        throw unknown("a function of numbers that is not known");
      default:
        throw unknown(`${layer.kind} outside of attention`);
    }
  }

  #pixels(): string {
    if (this.#type === "float32") return "pixel_values";
    return this.#ops.standard("Cast", ["pixel_values"], { to: FLOAT16 });
  }

  #convolution(layer: LayerOf<"conv">): Forms {
    const { input, terms, window, groups, channels, bias } = layer;
    const bare = bias === 0 && this.#isTokens(input);
    const point = isPoint(layer) && groups === 1;
    const asTokens = point && (layer === this.#last || bare);
    const name = this.#next();
    const [height, width] = window.kernel;
    const shape = [channels, input.channels / groups, height, width] as const;
    const kernel = { terms, shape, turned: asTokens };
    if (asTokens) return { tokens: this.#product(layer, name, kernel) };
    const inputs = [
      this.#map(input),
      this.#weight(kernelWeight(`${name}.weight`, this.#type, kernel)),
      this.#vector(`${name}.bias`, bias, channels),
    ];
    const map = this.#ops.standard("Conv", inputs, {
      kernel_shape: [height, width],
      strides: [...window.strides],
      pads: [...window.pads],
      group: groups,
    });
    return { map };
  }

  /** x W + b. */
  #product(
    { input, bias, channels }: LayerOf<"conv">,
    name: string,
    kernel: Kernel,
  ): string {
    const x = this.#tokens(input);
    const weight = kernelWeight(`${name}.weight`, this.#type, kernel);
    const product = this.#ops.standard("MatMul", [x, this.#weight(weight)]);
    if (bias === 0) return product;
    // One dimension would make it a Gemm, with a Reshape after it.
    const dims = [1, 1, channels];
    const numbers = vector(`${name}.bias`, this.#type, bias, channels);
    const sum = [product, this.#weight({ ...numbers, dims })];
    return this.#ops.standard("Add", sum);
  }

  /** Whether a layer comes as tokens, not as a map. */
  #isTokens(layer: Layer): boolean {
    return this.#formsOf(layer).map === undefined;
  }

  #blocks(layer: LayerOf<"blocks">): string {
    const { input, channels, bits, size, accuracy, bias } = layer;
    const name = this.#next();
    const { packed, scales, zeros } = blockWeights(name, layer);
    const inputs = [
      this.#tokens(input),
      this.#weight(packed),
      this.#weight(scales),
      zeros && this.#weight(zeros),
      undefined,
      bias === 0 ? undefined : this.#vector(`${name}.bias`, bias, channels),
    ];
    return this.#ops.own("MatMulNBits", inputs, {
      K: input.channels,
      N: channels,
      bits,
      block_size: size,
      accuracy_level: accuracy,
    });
  }

  #norm(layer: LayerOf<"norm">): string {
    const { input, scale, shift, channels, epsilon } = layer;
    const x = this.#tokens(input);
    const name = this.#next();
    const inputs = [
      x,
      this.#vector(`${name}.weight`, scale, channels),
      this.#vector(`${name}.bias`, shift, channels),
    ];
    const attributes = { axis: -1, epsilon: { float: epsilon } };
    return this.#ops.standard("LayerNormalization", inputs, attributes);
  }

  #attention({ query, key, value, scale }: LayerOf<"attention">): string {
    const parts = [query, key, value].map((part) =>
      this.#tokens(channelsOf(part)),
    );
    const attributes = { num_heads: query.heads, scale: { float: scale } };
    return this.#ops.own("MultiHeadAttention", parts, attributes);
  }

  #affine({ input, scale, shift, channels }: LayerOf<"affine">): string {
    let x = this.#map(input);
    const name = this.#next();
    const column = (kind: string, numbers: PerChannel) => {
      const dims = [channels, 1, 1];
      const all = vector(`${name}.${kind}`, this.#type, numbers, channels);
      return this.#weight({ ...all, dims });
    };
    if (scale !== 1) {
      x = this.#ops.standard("Mul", [x, column("scale", scale)]);
    }
    if (shift !== 0) {
      x = this.#ops.standard("Add", [x, column("shift", shift)]);
    }
    return x;
  }

  #activation({ input, name }: LayerOf<"activation">): Forms {
    const tokens = this.#isTokens(input);
    const x = tokens ? this.#tokens(input) : this.#map(input);
    const result = this.#activated(name, x);
    return tokens ? { tokens: result } : { map: result };
  }

  #activated(name: Activation, x: string): string {
    switch (name) {
      case "TanhGelu":
        return this.#ops.standard("Gelu", [x], { approximate: "tanh" });
      case "Silu": {
        const gate = this.#ops.standard("Sigmoid", [x]);
        return this.#ops.standard("Mul", [x, gate]);
      }
      default:
        return this.#ops.standard(name, [x]);
    }
  }

  #vector(name: string, numbers: PerChannel, count: number): string {
    return this.#weight(vector(name, this.#type, numbers, count));
  }

  #weight(weight: Weight): string {
    this.#weights.set(weight.name, weight);
    return weight.name;
  }

  #next(): string {
    this.#count += 1;
    return `vision/${this.#count}`;
  }
}

const unknown = (what: string) => new UnsupportedGraph(`it has ${what}`);
