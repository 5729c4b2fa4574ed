import {
  writeModel,
  type Attribute,
  type Constant,
  type Node,
} from "./onnx-writer";
import type { Heads, Layer, LayerOf, PerChannel, Size } from "./vision-layers";
import { blockWeights } from "./vision-blocks";
import { kernelWeight, vector, type Float } from "./vision-weights";
import { sliced } from "./vision-view";
import { Unfit, type Weight } from "./weight";

export interface Written {
  readonly model: Uint8Array<ArrayBuffer>;
  readonly weights: readonly Weight[];
}

/** The graph of layers that end in `last`, for pixels of one side. */
export function writeVision(last: Layer, side: number, type: Float): Written {
  return new Writer(last, type).write(side);
}

/** A layer's result under a name, as [1, channels, height, width] and as
 * [1, pixels, channels]. */
interface Forms {
  map?: string;
  tokens?: string;
}

const OURS = "com.microsoft";

class Writer {
  readonly #type: Float;
  readonly #nodes: Node[] = [];
  readonly #constants = new Map<string, Constant>();
  readonly #weights = new Map<string, Weight>();
  readonly #forms = new Map<Layer, Forms>();
  readonly #last: Layer;
  #count = 0;

  constructor(last: Layer, type: Float) {
    this.#last = last;
    this.#type = type;
  }

  write(side: number): Written {
    const last = this.#last;
    this.#rename(this.#computed(this.#tokens(last)), "image_features");
    const tokens = last.height * last.width;
    const pixels = {
      name: "pixel_values",
      type: "float32",
      shape: [1, 3, side, side],
    };
    const weights = [...this.#weights.values()];
    const inputs = weights.map(({ name, type, dims }) => ({
      name,
      type,
      shape: dims,
    }));
    const model = writeModel(
      this.#nodes,
      [pixels, ...inputs],
      [
        {
          name: "image_features",
          type: this.#type,
          shape: [1, tokens, last.channels],
        },
      ],
      [...this.#constants.values()],
    );
    return { model, weights };
  }

  #map(layer: Layer): string {
    const forms = this.#formsOf(layer);
    if (forms.map !== undefined) return forms.map;
    const { height, width, channels } = layer;
    const shape = [1, height, width, channels];
    const image = this.#reshape(this.#tokens(layer), shape);
    forms.map = this.#op("Transpose", [image], { perm: [0, 3, 1, 2] });
    return forms.map;
  }

  #tokens(layer: Layer): string {
    const forms = this.#formsOf(layer);
    if (forms.tokens !== undefined) return forms.tokens;
    const perm = [0, 2, 3, 1];
    const image = this.#op("Transpose", [this.#map(layer)], { perm });
    const { height, width, channels } = layer;
    forms.tokens = this.#reshape(image, [1, height * width, channels]);
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
        return this.#convolution(layer, this.#next());
      case "blocks":
        return { tokens: this.#blocks(layer, this.#next()) };
      case "norm":
        return { tokens: this.#norm(layer) };
      case "attention":
        return { tokens: this.#attention(layer) };
      case "pool": {
        const { kernel, strides } = layer.window;
        const attributes = { kernel_shape: [...kernel], strides: [...strides] };
        const input = this.#map(layer.input);
        return { map: this.#op("AveragePool", [input], attributes) };
      }
      case "mean":
        if (layer.over === "channels") throw unknown("a mean of channels");
        return { map: this.#op("GlobalAveragePool", [this.#map(layer.input)]) };
      case "affine":
        return { map: this.#affine(layer) };
      case "activation":
        return this.#activation(layer);
      case "binary": {
        const op = { add: "Add", sub: "Sub", mul: "Mul", div: "Div" }[layer.op];
        return {
          map: this.#op(
            op,
            layer.inputs.map((input) => this.#map(input)),
          ),
        };
      }
      case "unary":
        throw unknown("a function of each number");
      default:
        throw unknown(`a ${layer.kind} by itself`);
    }
  }

  #pixels(): string {
    if (this.#type === "float32") return "pixel_values";
    return this.#op("Cast", ["pixel_values"], { to: 10 });
  }

  #convolution(layer: LayerOf<"conv">, name: string): Forms {
    const { input, terms, window, groups, channels } = layer;
    const [height, width] = window.kernel;
    const within = input.channels / groups;
    const shape = [channels, within, height, width] as const;
    const bare = layer.bias === 0 && this.#isTokens(input);
    const ofTokens = isPoint(layer) && (layer === this.#last || bare);
    const kernel = { terms, shape, window, turned: ofTokens };
    const weight = this.#weight(
      kernelWeight(`${name}.weight`, this.#type, kernel),
    );
    if (ofTokens) {
      const product = this.#op("MatMul", [this.#tokens(input), weight]);
      if (layer.bias === 0) return { tokens: product };
      const bias = vector(`${name}.bias`, this.#type, layer.bias, channels);
      // A bias of one dimension would become a Gemm's, with Reshapes about it.
      const dims = [1, 1, channels];
      const sum = this.#op("Add", [product, this.#weight({ ...bias, dims })]);
      return { tokens: sum };
    }
    const bias = this.#vector(`${name}.bias`, layer.bias, channels);
    const map = this.#op("Conv", [this.#map(input), weight, bias], {
      kernel_shape: [height, width],
      strides: [...window.strides],
      pads: [...window.pads],
      group: groups,
    });
    return { map };
  }

  /** Whether a layer comes as tokens, not as a map. */
  #isTokens(layer: Layer): boolean {
    const forms = this.#formsOf(layer);
    return forms.map === undefined;
  }

  #blocks(layer: LayerOf<"blocks">, name: string): string {
    const { input, channels, bits, size, accuracy, bias } = layer;
    const { packed, scales, zeros } = blockWeights(name, layer);
    const inputs = [
      this.#tokens(input),
      this.#weight(packed),
      this.#weight(scales),
      zeros === undefined ? "" : this.#weight(zeros),
    ];
    if (bias !== 0) {
      inputs.push("", this.#vector(`${name}.bias`, bias, channels));
    }
    while (inputs.at(-1) === "") inputs.pop();
    const attributes = {
      K: input.channels,
      N: channels,
      bits,
      block_size: size,
      accuracy_level: accuracy,
    };
    return this.#op("MatMulNBits", inputs, attributes, OURS);
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
    return this.#op("LayerNormalization", inputs, attributes);
  }

  #attention(layer: LayerOf<"attention">): string {
    const { query, key, value, scale } = layer;
    const parts = [query, key, value].map((part) => this.#heads(part));
    const attributes = { num_heads: query.heads, scale: { float: scale } };
    return this.#op("MultiHeadAttention", parts, attributes, OURS);
  }

  /** The channels of some heads, by themselves. */
  #heads({ layer, first, heads, width }: Heads): string {
    const count = heads * width;
    if (count === layer.channels) return this.#tokens(layer);
    const part = channelsOf(layer, first, count);
    return this.#tokens(part);
  }

  #affine(layer: LayerOf<"affine">): string {
    const { input, scale, shift, channels } = layer;
    let x = this.#map(input);
    const name = this.#next();
    const column = (kind: string, numbers: PerChannel) =>
      this.#weight({
        ...vector(`${name}.${kind}`, this.#type, numbers, channels),
        dims: [channels, 1, 1],
      });
    if (scale !== 1) x = this.#op("Mul", [x, column("scale", scale)]);
    if (shift !== 0) x = this.#op("Add", [x, column("shift", shift)]);
    return x;
  }

  #activation(layer: LayerOf<"activation">): Forms {
    const tokens = this.#isTokens(layer.input);
    const x = tokens ? this.#tokens(layer.input) : this.#map(layer.input);
    const result = this.#activated(layer.name, x);
    return tokens ? { tokens: result } : { map: result };
  }

  #activated(name: LayerOf<"activation">["name"], x: string): string {
    switch (name) {
      case "TanhGelu":
        return this.#op("Gelu", [x], { approximate: "tanh" });
      case "Silu":
        return this.#op("Mul", [x, this.#op("Sigmoid", [x])]);
      default:
        return this.#op(name, [x]);
    }
  }

  #reshape(x: string, shape: readonly number[]): string {
    const name = `shape ${shape.join()}`;
    const bytes = new Uint8Array(BigInt64Array.from(shape, BigInt).buffer);
    const constant = { name, type: "int64", dims: [shape.length], bytes };
    this.#constants.set(name, constant);
    return this.#op("Reshape", [x, name]);
  }

  #op(
    op: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, Attribute>> = {},
    domain = "",
  ): string {
    const output = `${op} ${this.#nodes.length}`;
    this.#nodes.push({ op, domain, inputs, outputs: [output], attributes });
    return output;
  }

  /** A Reshape at the end would be a copy, which no capture of a run has. */
  #computed(x: string): string {
    const made = this.#nodes.find(({ outputs }) => outputs[0] === x);
    if (made?.op !== "Reshape") return x;
    return this.#op("Add", [x, this.#vector(`${this.#next()}.bias`, 0, 1)]);
  }

  #rename(from: string, to: string): void {
    const at = this.#nodes.findIndex(({ outputs }) => outputs[0] === from);
    const node = this.#nodes[at];
    if (node === undefined) throw unknown("nothing that is computed");
    this.#nodes[at] = { ...node, outputs: [to] };
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

const unknown = (what: string) => new Unfit(`it has ${what}`);

const isPoint = ({ window, groups }: LayerOf<"conv">) =>
  groups === 1 &&
  [...window.kernel, ...window.strides].every((n) => n === 1) &&
  window.pads.every((pad) => pad === 0);

/** `count` channels of a linear layer, from `first` on. */
function channelsOf(layer: Layer, first: number, count: number): Layer {
  const part = (numbers: PerChannel) =>
    typeof numbers === "number"
      ? numbers
      : numbers.subarray(first, first + count);
  const size: Size = {
    height: layer.height,
    width: layer.width,
    channels: count,
  };
  if (layer.kind === "blocks") {
    const rows = { first, count, of: layer.channels };
    return {
      ...layer,
      ...size,
      rows,
      scale: part(layer.scale),
      bias: part(layer.bias),
    };
  }
  if (layer.kind !== "conv" || !isPoint(layer)) {
    throw unknown("attention to parts of what is no linear layer");
  }
  const terms = layer.terms.map((term) => {
    const { weight, scale } = term;
    if (weight === undefined) throw unknown("attention to what is unchanged");
    const view = sliced(weight.view, 0, first, count);
    return { weight: { ...weight, view }, scale: part(scale) };
  });
  return { ...layer, ...size, terms, bias: part(layer.bias) };
}
