import type { FloatType } from "../../../ort/tensor-rows";
import { OnnxGraphBuilder } from "../../../onnx/graph-builder";
import {
  type ActivationName,
  type VisionLayer,
  type LayerOf,
  type PerChannel,
  headChannels,
  isPointwise,
} from "./vision-layers";
import {
  kernelWeight,
  vectorWeight,
  type SummedKernel,
  quantizedWeights,
} from "./vision-weights";
import type { Weight } from "./weight";
import { UnsupportedGraph } from "../../backend";

interface VisionModel {
  readonly model: Uint8Array<ArrayBuffer>;
  readonly weights: readonly Weight[];
}

/**
 * Writes the layers that end in `last` for one input size, in the form that ONNX
 * Runtime runs fastest on WebGPU: layers that mix pixels or have a bias are Conv,
 * which fuses its bias and Gelu; in channels-last layout, the Transposes around
 * norms and attention become no-ops.
 */
export function writeVisionModel(
  last: VisionLayer,
  inputSize: number,
  type: FloatType,
): VisionModel {
  return new VisionWriter(last, type).write(inputSize);
}

/** Names of a layer's output as [1, channels, height, width] and as
 * [1, pixels, channels], as far as they were computed. */
interface TensorForms {
  map?: string;
  tokens?: string;
}

/** TensorProto.DataType. */
const FLOAT16 = 10;

class VisionWriter {
  readonly #last: VisionLayer;
  readonly #type: FloatType;
  readonly #ops = new OnnxGraphBuilder();
  readonly #weights = new Map<string, Weight>();
  readonly #forms = new Map<VisionLayer, TensorForms>();
  #count = 0;

  constructor(last: VisionLayer, type: FloatType) {
    this.#last = last;
    this.#type = type;
  }

  write(inputSize: number): VisionModel {
    const { height, width, channels } = this.#last;
    const { tokens } = this.#formsOf(this.#last);
    // A final Reshape would be a buffer copy, which a recording leaves out.
    if (tokens === undefined) {
      const result = this.#tokens(this.#last);
      const zero = this.#vector(`${this.#next()}.bias`, 0, 1);
      this.#ops.op("Add", [result, zero]);
    }
    this.#ops.nameLastOutput("image_features");
    const weights = [...this.#weights.values()];
    const shape = [1, 3, inputSize, inputSize];
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

  #map(layer: VisionLayer): string {
    const forms = this.#formsOf(layer);
    if (forms.map !== undefined) return forms.map;
    const { height, width, channels } = layer;
    const shape = [1, height, width, channels];
    const image = this.#ops.reshape(this.#tokens(layer), shape);
    forms.map = this.#ops.op("Transpose", [image], {
      perm: [0, 3, 1, 2],
    });
    return forms.map;
  }

  #tokens(layer: VisionLayer): string {
    const forms = this.#formsOf(layer);
    if (forms.tokens !== undefined) return forms.tokens;
    const perm = [0, 2, 3, 1];
    const image = this.#ops.op("Transpose", [this.#map(layer)], { perm });
    const { height, width, channels } = layer;
    forms.tokens = this.#ops.reshape(image, [1, height * width, channels]);
    return forms.tokens;
  }

  #formsOf(layer: VisionLayer): TensorForms {
    let forms = this.#forms.get(layer);
    if (forms === undefined) {
      forms = this.#compute(layer);
      this.#forms.set(layer, forms);
    }
    return forms;
  }

  #compute(layer: VisionLayer): TensorForms {
    switch (layer.kind) {
      case "pixels":
        return { map: this.#pixels() };
      case "conv":
        return this.#convolution(layer);
      case "quantized":
        return { tokens: this.#quantized(layer) };
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
        return { map: this.#ops.op("AveragePool", [input], attributes) };
      }
      case "mean": {
        if (layer.over === "channels")
          throw unsupported("a mean over channels outside of a norm");
        const input = this.#map(layer.input);
        return { map: this.#ops.op("GlobalAveragePool", [input]) };
      }
      case "binary": {
        const op = { add: "Add", sub: "Sub", mul: "Mul", div: "Div" }[layer.op];
        const inputs = layer.inputs.map((input) => this.#map(input));
        return { map: this.#ops.op(op, inputs) };
      }
      case "unary":
        throw unsupported(
          "an elementwise function that is no known activation",
        );
      default:
        throw unsupported(`a ${layer.kind} layer outside of attention`);
    }
  }

  #pixels(): string {
    if (this.#type === "float32") return "pixel_values";
    return this.#ops.op("Cast", ["pixel_values"], { to: FLOAT16 });
  }

  #convolution(layer: LayerOf<"conv">): TensorForms {
    const { input, terms, window, groups, channels, bias } = layer;
    const unbiasedTokens = bias === 0 && this.#isTokens(input);
    const pointwise = isPointwise(layer) && groups === 1;
    const asTokens = pointwise && (layer === this.#last || unbiasedTokens);
    const name = this.#next();
    const [height, width] = window.kernel;
    const shape = [channels, input.channels / groups, height, width] as const;
    const kernel = { terms, shape, asMatMul: asTokens };
    if (asTokens) return { tokens: this.#product(layer, name, kernel) };
    const inputs = [
      this.#map(input),
      this.#weight(kernelWeight(`${name}.weight`, this.#type, kernel)),
      this.#vector(`${name}.bias`, bias, channels),
    ];
    const map = this.#ops.op("Conv", inputs, {
      kernel_shape: [height, width],
      strides: [...window.strides],
      pads: [...window.pads],
      group: groups,
    });
    return { map };
  }

  /** x W + b on tokens. */
  #product(
    { input, bias, channels }: LayerOf<"conv">,
    name: string,
    kernel: SummedKernel,
  ): string {
    const x = this.#tokens(input);
    const weight = kernelWeight(`${name}.weight`, this.#type, kernel);
    const product = this.#ops.op("MatMul", [x, this.#weight(weight)]);
    if (bias === 0) return product;
    // ONNX Runtime fuses a one-dimensional bias to Gemm, followed by a Reshape.
    const dims = [1, 1, channels];
    const numbers = vectorWeight(`${name}.bias`, this.#type, bias, channels);
    const sum = [product, this.#weight({ ...numbers, dims })];
    return this.#ops.op("Add", sum);
  }

  /** Whether a layer computes tokens and no map. */
  #isTokens(layer: VisionLayer): boolean {
    return this.#formsOf(layer).map === undefined;
  }

  #quantized(layer: LayerOf<"quantized">): string {
    const { input, channels, bits, blockSize, accuracy, bias } = layer;
    const name = this.#next();
    const { packed, scales, zeros } = quantizedWeights(name, layer);
    const inputs = [
      this.#tokens(input),
      this.#weight(packed),
      this.#weight(scales),
      zeros && this.#weight(zeros),
      undefined,
      bias === 0 ? undefined : this.#vector(`${name}.bias`, bias, channels),
    ];
    return this.#ops.contribOp("MatMulNBits", inputs, {
      K: input.channels,
      N: channels,
      bits,
      block_size: blockSize,
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
    return this.#ops.op("LayerNormalization", inputs, attributes);
  }

  #attention({ query, key, value, scale }: LayerOf<"attention">): string {
    const parts = [query, key, value].map((part) =>
      this.#tokens(headChannels(part)),
    );
    const attributes = { num_heads: query.heads, scale: { float: scale } };
    return this.#ops.contribOp("MultiHeadAttention", parts, attributes);
  }

  #affine({ input, scale, shift, channels }: LayerOf<"affine">): string {
    let x = this.#map(input);
    const name = this.#next();
    const column = (kind: string, numbers: PerChannel) => {
      const dims = [channels, 1, 1];
      const all = vectorWeight(
        `${name}.${kind}`,
        this.#type,
        numbers,
        channels,
      );
      return this.#weight({ ...all, dims });
    };
    if (scale !== 1) {
      x = this.#ops.op("Mul", [x, column("scale", scale)]);
    }
    if (shift !== 0) {
      x = this.#ops.op("Add", [x, column("shift", shift)]);
    }
    return x;
  }

  #activation({ input, name }: LayerOf<"activation">): TensorForms {
    const tokens = this.#isTokens(input);
    const x = tokens ? this.#tokens(input) : this.#map(input);
    const result = this.#activated(name, x);
    return tokens ? { tokens: result } : { map: result };
  }

  #activated(name: ActivationName, x: string): string {
    switch (name) {
      case "TanhGelu":
        return this.#ops.op("Gelu", [x], { approximate: "tanh" });
      case "Silu": {
        const gate = this.#ops.op("Sigmoid", [x]);
        return this.#ops.op("Mul", [x, gate]);
      }
      default:
        return this.#ops.op(name, [x]);
    }
  }

  #vector(name: string, numbers: PerChannel, count: number): string {
    return this.#weight(vectorWeight(name, this.#type, numbers, count));
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

const unsupported = (what: string) =>
  new UnsupportedGraph(`the encoder has ${what}`);
