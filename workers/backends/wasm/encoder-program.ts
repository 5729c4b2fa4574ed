import { defined } from "../../util/assert";
import { UnsupportedGraph } from "../backend";
import { countUsers } from "../webgpu/graphs/vision-fusion";
import {
  isPointwise,
  type ActivationName,
  type BinaryOp,
  type HeadRange,
  type LayerOf,
  type MapSize,
  type PerChannel,
  type VisionLayer,
} from "../webgpu/graphs/vision-layers";
import { layOutBuffers, type BufferLayout } from "./buffer-layout";
import {
  depthwiseWeight,
  paddedChannels,
  PANEL,
  productWeight,
  channelWeight,
  type EncoderWeight,
  type ProductLayer,
} from "./encoder-weights";
import type { KernelArguments, KernelName } from "./kernels";
import type { Split, ThreadPool } from "./thread-pool";

/** A buffer for intermediate results, used from step `first` to step `last`. */
interface ProgramBuffer {
  readonly bytes: number;
  readonly first: number;
  last: number;
}

/** A place in memory that is an argument of a kernel: a part of a buffer, from a
 * byte on, or a weight by its name. */
type Operand =
  | { readonly buffer: ProgramBuffer; readonly from?: number }
  | { readonly weight: string };

/** The arguments of a kernel, with operands for addresses. */
type Operands<Arguments extends readonly number[]> = {
  readonly [I in keyof Arguments]: number | Operand;
};

type AddressOf = (operand: Operand) => number;

/** A map in memory, [pixels, channels], with channels padded to a multiple of 4. */
interface FeatureMap {
  readonly buffer: ProgramBuffer;
  readonly channels: number;
}

/** Columns of a map, and their distance from pixel to pixel. */
type Columns = readonly [Operand, number];

interface Step {
  readonly kernel: KernelName;
  readonly bind: (addressOf: AddressOf) => (pool: ThreadPool) => void;
}

/** A kernel with all its arguments. */
export interface BoundStep {
  readonly kernel: KernelName;
  /** Runs it on all threads. */
  readonly run: (pool: ThreadPool) => void;
}

/** The kernels that compute the features of images of one size. */
export interface EncoderProgram {
  readonly weights: readonly EncoderWeight[];
  /** Bytes of all buffers. */
  readonly bytes: number;
  /** @param arena address of the buffers
   * @param weights addresses by name */
  bind(arena: number, weights: ReadonlyMap<string, number>): BoundProgram;
}

export interface BoundProgram {
  /** Address of the image: planes of floats. */
  readonly pixels: number;
  /** Address of the features: rows of channels padded to a multiple of 4. */
  readonly features: number;
  readonly steps: readonly BoundStep[];
}

/** Writes the layers that end in `last`. Throws `UnsupportedGraph`. */
export function writeEncoderProgram(last: VisionLayer): EncoderProgram {
  return new ProgramWriter(last).write();
}

/** As the kernels number them. */
const ACTIVATIONS: Readonly<Record<ActivationName, number>> = {
  Gelu: 1,
  TanhGelu: 2,
  Relu: 3,
  Sigmoid: 4,
  Silu: 5,
};
const NO_ACTIVATION = 0;
/** An address that is never used. */
const NO_RESIDUAL = 0;
const OPERATIONS: Readonly<Record<BinaryOp, number>> = {
  add: 0,
  sub: 1,
  mul: 2,
  div: 3,
};
const OPERAND_MAP = 0;
const OPERAND_ONE_PIXEL = 1;
const OPERAND_ONE_CHANNEL = 2;
/** Rows of scores that attention computes together. */
const SCORE_ROWS = 4;

/** Multiplications that are worth a part of their own on another thread. */
const GRAIN = 2 ** 17;

/** Items that make a grain, if each takes so many multiplications. */
const grainOf = (each: number): number => Math.max(1, Math.ceil(GRAIN / each));

/** Bytes of the rows that a product reads for all panels before it goes on. They should
 * stay in the second-level cache; with fewer, the weights are read more often. */
const BLOCK_BYTES = 2 ** 20;
/** Rows of a tile. */
const TILE_ROWS = 6;

/** Rows of a block of a product: whole tiles. */
function blockRows(rows: number, inputs: number): number {
  const most = BLOCK_BYTES / (inputs * 4 * TILE_ROWS);
  const tiles = Math.ceil(rows / TILE_ROWS);
  const blocks = Math.ceil(tiles / Math.max(1, Math.floor(most)));
  return Math.ceil(tiles / blocks) * TILE_ROWS;
}

class ProgramWriter {
  readonly #last: VisionLayer;
  readonly #weights = new Map<string, EncoderWeight>();
  readonly #steps: Step[] = [];
  readonly #buffers: ProgramBuffer[] = [];
  readonly #maps = new Map<VisionLayer, FeatureMap>();
  readonly #readers: ReadonlyMap<VisionLayer, number>;
  #image: ProgramBuffer | undefined;
  #count = 0;

  constructor(last: VisionLayer) {
    this.#last = last;
    this.#readers = countUsers(last);
  }

  write(): EncoderProgram {
    const features = this.#mapOf(this.#last).buffer;
    features.last = this.#steps.length;
    const image = this.#image;
    if (image === undefined) throw unsupported("no input");
    const layout = layOutBuffers(this.#buffers);
    const steps = [...this.#steps];
    return {
      weights: [...this.#weights.values()],
      bytes: layout.bytes,
      bind: (arena, weights) => {
        const addressOf = resolver(arena, layout, weights);
        return {
          pixels: addressOf({ buffer: image }),
          features: addressOf({ buffer: features }),
          steps: steps.map(({ kernel, bind }) => ({
            kernel,
            run: bind(addressOf),
          })),
        };
      },
    };
  }

  #mapOf(layer: VisionLayer): FeatureMap {
    let map = this.#maps.get(layer);
    if (map === undefined) {
      map = this.#compute(layer);
      this.#maps.set(layer, map);
    }
    return map;
  }

  #compute(layer: VisionLayer): FeatureMap {
    switch (layer.kind) {
      case "pixels":
        return this.#input(layer);
      case "conv":
        return this.#convolution(layer, NO_ACTIVATION);
      case "quantized":
        return this.#product([layer], NO_ACTIVATION);
      case "pool":
        return this.#pool(layer);
      case "norm":
        return this.#norm(layer);
      case "attention":
        return this.#attention(layer);
      case "affine":
        return this.#affine(layer);
      case "activation":
        return this.#activation(layer);
      case "binary":
        return this.#sum(layer) ?? this.#combine(layer, NO_ACTIVATION);
      case "mean":
        return this.#mean(layer);
      case "unary":
        throw unsupported(
          "an elementwise function that is no known activation",
        );
      default:
        throw unsupported(`a ${layer.kind} layer outside of attention`);
    }
  }

  #input(layer: LayerOf<"pixels">): FeatureMap {
    const { height, width, channels } = layer;
    const pixels = height * width;
    const planes = this.#buffer(pixels * channels);
    this.#image = planes.buffer;
    const y = this.#newMap(layer);
    const split = this.#splitPixels(layer);
    this.#step("planesToMap", split, planes, y, pixels, channels);
    return y;
  }

  #convolution(layer: LayerOf<"conv">, activation: number): FeatureMap {
    if (layer.groups > 1) return this.#depthwise(layer, activation);
    if (isPointwise(layer)) return this.#product([layer], activation);
    return this.#windowed(layer, activation);
  }

  /** A convolution without groups, as a product of its windows. */
  #windowed(layer: LayerOf<"conv">, activation: number): FeatureMap {
    const { input, height, width, window } = layer;
    const x = this.#mapOf(input);
    const [kernelHeight, kernelWidth] = window.kernel;
    const [strideY, strideX] = window.strides;
    const [top, left] = window.pads;
    const size = paddedChannels(kernelHeight * kernelWidth * input.channels);
    const rows = this.#buffer(height * width * size);
    this.#step(
      "windows",
      { count: height, grain: grainOf(width * size) },
      x,
      rows,
      input.height,
      input.width,
      x.channels,
      input.channels,
      width,
      size,
      kernelHeight,
      kernelWidth,
      strideY,
      strideX,
      top,
      left,
    );
    const map = { ...rows, channels: size };
    return this.#productOf(map, [layer], activation);
  }

  /** Layers of one input, side by side in the channels of the result. */
  #product(
    layers: readonly [ProductLayer, ...ProductLayer[]],
    activation: number,
    residual?: FeatureMap,
  ): FeatureMap {
    const [{ input }] = layers;
    const x = this.#mapOf(input);
    return this.#productOf(x, layers, activation, residual);
  }

  #productOf(
    x: FeatureMap,
    layers: readonly [ProductLayer, ...ProductLayer[]],
    activation: number,
    residual?: FeatureMap,
  ): FeatureMap {
    const [{ height, width }] = layers;
    const channels = layers.reduce((sum, layer) => sum + layer.channels, 0);
    const name = this.#next();
    const rows = height * width;
    const weight = this.#weight(productWeight(name, layers, x.channels));
    const bias = this.#vector(`${name}.bias`, biasOf(layers), channels);
    const y = this.#newMap({ height, width, channels });
    const block = blockRows(rows, x.channels);
    const panels = Math.ceil(y.channels / PANEL);
    this.#step(
      "productFloat",
      {
        count: Math.ceil(rows / block) * panels,
        grain: grainOf(block * x.channels * PANEL),
      },
      x,
      weight,
      bias,
      residual ?? NO_RESIDUAL,
      y,
      rows,
      x.channels,
      y.channels,
      block,
      activation,
    );
    return y;
  }

  #depthwise(layer: LayerOf<"conv">, activation: number): FeatureMap {
    const { input, groups, channels, window, bias, height, width } = layer;
    const multiplier = channels / groups;
    const known =
      groups === input.channels &&
      (multiplier === 1 || (multiplier === 2 && groups % 4 === 0));
    if (!known) {
      throw unsupported(
        `a convolution of ${input.channels} to ${channels} channels in ${groups} groups`,
      );
    }
    const size = specialKernel(layer);
    const x = this.#mapOf(input);
    const name = this.#next();
    const weight = this.#weight(depthwiseWeight(name, layer));
    const shift = this.#weight(
      channelWeight(`${name}.bias`, bias, channels, multiplier),
    );
    const y = this.#newMap(layer);
    const [kernelHeight, kernelWidth] = window.kernel;
    const line = width * y.channels * kernelHeight * kernelWidth;
    const split = { count: height, grain: grainOf(line) };
    if (size !== undefined) {
      const kernel = size === 7 ? "depthwise7" : "depthwise3";
      this.#step(
        kernel,
        split,
        x,
        weight,
        shift,
        y,
        height,
        width,
        x.channels,
        activation,
      );
      return y;
    }
    this.#strided(x, layer, { weight, shift, y, multiplier }, activation);
    return y;
  }

  #strided(
    x: FeatureMap,
    layer: LayerOf<"conv"> | LayerOf<"pool">,
    to: {
      readonly weight: Operand;
      readonly shift: Operand;
      readonly y: FeatureMap;
      readonly multiplier: number;
    },
    activation: number,
  ): void {
    const { input, height, width, window } = layer;
    const [kernelHeight, kernelWidth] = window.kernel;
    const [strideY, strideX] = window.strides;
    const [top, left] = window.pads;
    const line = width * to.y.channels * kernelHeight * kernelWidth;
    this.#step(
      "depthwiseStrided",
      { count: height, grain: grainOf(line) },
      x,
      to.weight,
      to.shift,
      to.y,
      input.height,
      input.width,
      x.channels,
      width,
      to.multiplier,
      kernelHeight,
      kernelWidth,
      strideY,
      strideX,
      top,
      left,
      activation,
    );
  }

  #pool(layer: LayerOf<"pool">): FeatureMap {
    const x = this.#mapOf(layer.input);
    const [height, width] = layer.window.kernel;
    const name = this.#next();
    const taps = height * width;
    const share = channelWeight(`${name}.weight`, 1 / taps, taps * x.channels);
    const weight = this.#weight(share);
    const shift = this.#vector(`${name}.bias`, 0, layer.channels);
    const y = this.#newMap(layer);
    const to = { weight, shift, y, multiplier: 1 };
    this.#strided(x, layer, to, NO_ACTIVATION);
    return y;
  }

  #norm(layer: LayerOf<"norm">): FeatureMap {
    const { input, scale, shift, channels, epsilon } = layer;
    const x = this.#mapOf(input);
    const name = this.#next();
    const y = this.#newMap(layer);
    this.#step(
      "layerNorm",
      this.#splitPixels(layer),
      x,
      this.#vector(`${name}.scale`, scale, channels),
      this.#vector(`${name}.shift`, shift, channels),
      y,
      x.channels,
      channels,
      epsilon,
    );
    return y;
  }

  #attention(layer: LayerOf<"attention">): FeatureMap {
    const { query, key, value, scale, height, width: across } = layer;
    const { heads, width } = query;
    if (width % 8 !== 0 || scale <= 0) {
      throw unsupported(
        `attention with ${width} channels per head and the scale ${scale}`,
      );
    }
    const pixels = height * across;
    const padded = Math.ceil(pixels / 8) * 8;
    const parts = this.#projections([query, key, value]);
    const scratch = this.#buffer(heads * (width + SCORE_ROWS) * padded);
    const y = this.#newMap(layer);
    this.#step(
      "mapAttention",
      { count: heads, grain: grainOf(2 * pixels * pixels * width) },
      ...parts[0],
      ...parts[1],
      ...parts[2],
      y,
      y.channels,
      scratch,
      pixels,
      width,
      scale,
    );
    return y;
  }

  /** Address and stride of queries, keys and values. Separate projections of one
   * layer become one product. */
  #projections(
    parts: readonly [HeadRange, HeadRange, HeadRange],
  ): readonly [Columns, Columns, Columns] {
    const [query, key, value] = parts;
    const layers = [query.layer, key.layer, value.layer] as const;
    const [q, k, v] = layers;
    const separate =
      isProduct(q) &&
      isProduct(k) &&
      isProduct(v) &&
      new Set(layers).size === 3 &&
      q.input === k.input &&
      q.input === v.input &&
      layers.every(
        (layer) => this.#hasOneReader(layer) && layer.channels % 4 === 0,
      );
    if (separate) {
      const all = this.#product([q, k, v], NO_ACTIVATION);
      const keys = q.channels;
      const values = keys + k.channels;
      return [
        columnsOf(all, query.first),
        columnsOf(all, keys + key.first),
        columnsOf(all, values + value.first),
      ];
    }
    return [
      columnsOf(this.#mapOf(query.layer), query.first),
      columnsOf(this.#mapOf(key.layer), key.first),
      columnsOf(this.#mapOf(value.layer), value.first),
    ];
  }

  #affine(layer: LayerOf<"affine">): FeatureMap {
    const { input, scale, shift } = layer;
    return this.#scaled(input, scale, shift, NO_ACTIVATION);
  }

  #scaled(
    input: VisionLayer,
    scale: PerChannel,
    shift: PerChannel,
    activation: number,
  ): FeatureMap {
    const { channels } = input;
    const x = this.#mapOf(input);
    const name = this.#next();
    const y = this.#newMap(input);
    this.#step(
      "scaleAndShift",
      this.#splitPixels(input),
      x,
      this.#vector(`${name}.scale`, scale, channels),
      this.#vector(`${name}.shift`, shift, channels),
      y,
      x.channels,
      activation,
    );
    return y;
  }

  #activation({ input, name }: LayerOf<"activation">): FeatureMap {
    const activation = ACTIVATIONS[name];
    if (this.#hasOneReader(input)) {
      switch (input.kind) {
        case "conv":
          return this.#convolution(input, activation);
        case "quantized":
          return this.#product([input], activation);
        case "binary":
          return this.#combine(input, activation);
        case "affine":
          return this.#scaled(
            input.input,
            input.scale,
            input.shift,
            activation,
          );
        default:
      }
    }
    return this.#scaled(input, 1, 0, activation);
  }

  /** x + product(y), where only the sum reads the product. */
  #sum({ op, inputs }: LayerOf<"binary">): FeatureMap | undefined {
    if (op !== "add") return undefined;
    const [a, b] = inputs;
    const sum = (product: VisionLayer, other: VisionLayer) =>
      isProduct(product) && this.#hasOneReader(product) && sameMap(a, b)
        ? this.#product([product], NO_ACTIVATION, this.#mapOf(other))
        : undefined;
    return sum(b, a) ?? sum(a, b);
  }

  #combine(layer: LayerOf<"binary">, activation: number): FeatureMap {
    const [a, b] = layer.inputs;
    const [left, right] = [this.#mapOf(a), this.#mapOf(b)];
    const y = this.#newMap(layer);
    this.#step(
      "combine",
      this.#splitPixels(layer),
      OPERATIONS[layer.op],
      left,
      broadcastOf(a, layer),
      right,
      broadcastOf(b, layer),
      y,
      y.channels,
      activation,
    );
    return y;
  }

  #mean(layer: LayerOf<"mean">): FeatureMap {
    if (layer.over === "channels")
      throw unsupported("a mean over channels outside of a norm");
    const { input } = layer;
    const x = this.#mapOf(input);
    const y = this.#newMap(layer);
    const pixels = input.height * input.width;
    const split = {
      count: x.channels / 4,
      grain: grainOf(4 * pixels),
    };
    this.#step("meanOfPixels", split, x, y, pixels, x.channels);
    return y;
  }

  /** A split by pixels, for kernels that do little with each value. */
  #splitPixels({ height, width, channels }: MapSize): Split {
    return { count: height * width, grain: grainOf(8 * channels) };
  }

  #hasOneReader(layer: VisionLayer): boolean {
    return this.#readers.get(layer) === 1;
  }

  #newMap({ height, width, channels }: MapSize): FeatureMap {
    const padded = paddedChannels(channels);
    return { ...this.#buffer(height * width * padded), channels: padded };
  }

  #buffer(floats: number): { readonly buffer: ProgramBuffer } {
    const step = this.#steps.length;
    const buffer = { bytes: floats * 4, first: step, last: step };
    this.#buffers.push(buffer);
    return { buffer };
  }

  #vector(name: string, numbers: PerChannel, count: number): Operand {
    return this.#weight(channelWeight(name, numbers, count));
  }

  #weight(weight: EncoderWeight): Operand {
    this.#weights.set(weight.name, weight);
    return { weight: weight.name };
  }

  #step<Name extends KernelName>(
    kernel: Name,
    split: Split,
    ...args: Operands<KernelArguments[Name]>
  ): void {
    const step = this.#steps.length;
    for (const argument of args as readonly (number | Operand)[]) {
      if (typeof argument === "object" && "buffer" in argument) {
        argument.buffer.last = step;
      }
    }
    this.#steps.push({
      kernel,
      bind: (addressOf) => {
        const values = args.map((argument) =>
          typeof argument === "number" ? argument : addressOf(argument),
        ) as KernelArguments[Name];
        return (pool) => {
          pool.run(kernel, split, ...values);
        };
      },
    });
  }

  #next(): string {
    this.#count += 1;
    return `encoder/${this.#count}`;
  }
}

/** The size of a square kernel with stride 1 that keeps the size of the map, if
 * there is a kernel for it. */
function specialKernel({
  window,
  groups,
  channels,
}: LayerOf<"conv">): 3 | 7 | undefined {
  const { kernel, strides, pads } = window;
  const [size] = kernel;
  if (size !== 3 && size !== 7) return undefined;
  const fits =
    channels === groups &&
    kernel[1] === size &&
    strides.every((stride) => stride === 1) &&
    pads.every((pad) => pad === (size - 1) / 2);
  return fits ? size : undefined;
}

/** The biases of layers, one after another. */
function biasOf(layers: readonly ProductLayer[]): Float64Array {
  return Float64Array.from(
    layers.flatMap(({ bias, channels }) =>
      typeof bias === "number"
        ? new Array<number>(channels).fill(bias)
        : [...bias],
    ),
  );
}

const isProduct = (layer: VisionLayer): layer is ProductLayer =>
  layer.kind === "quantized" ||
  (layer.kind === "conv" && layer.groups === 1 && isPointwise(layer));

const columnsOf = (map: FeatureMap, first: number): Columns => [
  { buffer: map.buffer, from: first * 4 },
  map.channels,
];

const sameMap = (a: MapSize, b: MapSize): boolean =>
  a.height === b.height && a.width === b.width && a.channels === b.channels;

/** How an operand of `combine` extends to the result. */
function broadcastOf(operand: MapSize, result: MapSize): number {
  if (sameMap(operand, result)) return OPERAND_MAP;
  if (operand.channels === result.channels) return OPERAND_ONE_PIXEL;
  if (operand.height * operand.width === result.height * result.width)
    return OPERAND_ONE_CHANNEL;
  throw unsupported("a scalar that depends on the image");
}

function resolver(
  arena: number,
  { offsets }: BufferLayout<ProgramBuffer>,
  weights: ReadonlyMap<string, number>,
): AddressOf {
  return (operand) => {
    if ("weight" in operand)
      return defined(weights.get(operand.weight), operand.weight);
    const offset = defined(offsets.get(operand.buffer), "buffer");
    return arena + offset + (operand.from ?? 0);
  };
}

const unsupported = (what: string) =>
  new UnsupportedGraph(`the encoder has ${what}`);
