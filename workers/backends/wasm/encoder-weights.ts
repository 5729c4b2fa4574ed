/** The weights of the encoder as the kernels read them, in float32. */
import { decodeBytes } from "../webgpu/graphs/graph-tensor";
import type { LayerOf, PerChannel } from "../webgpu/graphs/vision-layers";
import {
  kernelWeight,
  quantizedWeights,
} from "../webgpu/graphs/vision-weights";
import type { Weight } from "../webgpu/graphs/weight";

export interface EncoderWeight {
  readonly name: string;
  /** Floats. */
  readonly length: number;
  /** Writes the elements that are not zero. `target` gives a view that is valid
   * until the next await. */
  readonly write: (target: () => Float32Array) => void | Promise<void>;
}

/** A layer that multiplies each pixel with a matrix. */
export type ProductLayer = LayerOf<"conv"> | LayerOf<"quantized">;

/** Channels of a map in memory. */
export const paddedChannels = (channels: number): number =>
  Math.ceil(channels / 4) * 4;

/** One number per channel. With the multiplier 2, as `depthwiseStrided` reads it. */
export function channelWeight(
  name: string,
  numbers: PerChannel,
  channels: number,
  multiplier = 1,
): EncoderWeight {
  const write = (target: () => Float32Array): void => {
    const view = target();
    for (let channel = 0; channel < channels; channel++) {
      const value =
        typeof numbers === "number" ? numbers : (numbers[channel] ?? NaN);
      view[depthwiseIndex(channel, 0, 1, multiplier)] = value;
    }
  };
  return { name, length: paddedChannels(channels), write };
}

/** Place of an output channel at a position of a kernel of so many `taps`:
 * [channels / 4, taps, multiplier, 4]. */
function depthwiseIndex(
  channel: number,
  tap: number,
  taps: number,
  multiplier: number,
): number {
  const input = Math.floor(channel / multiplier);
  const group = Math.floor(input / 4) * taps + tap;
  return (group * multiplier + (channel % multiplier)) * 4 + (input % 4);
}

export function depthwiseWeight(
  name: string,
  layer: LayerOf<"conv">,
): EncoderWeight {
  const { channels, groups, window } = layer;
  const [height, width] = window.kernel;
  const taps = height * width;
  const multiplier = channels / groups;
  const source = kernelOf(name, layer);
  return {
    name: source.name,
    length: paddedChannels(groups) * multiplier * taps,
    write: async (target) => {
      let i = 0;
      for await (const values of floatsOf(source)) {
        const view = target();
        for (const value of values) {
          const channel = Math.floor(i / taps);
          view[depthwiseIndex(channel, i % taps, taps, multiplier)] = value;
          i += 1;
        }
      }
    },
  };
}

/** Outputs in a panel of a product's weight. */
export const PANEL = 8;

/**
 * The weights [out, in] of layers, one after another, in panels of outputs:
 * [out / 8, in, 8]. A convolution with windows has its inputs in the order of
 * `windows`.
 * @param rows inputs, padded
 */
export function productWeight(
  name: string,
  layers: readonly ProductLayer[],
  rows: number,
): EncoderWeight {
  const channels = layers.reduce((sum, layer) => sum + layer.channels, 0);
  const sources = layers.map((layer, i) => matrixOf(`${name}.${i}`, layer));
  return {
    name: `${name}.weight`,
    length: Math.ceil(channels / PANEL) * PANEL * rows,
    write: async (target) => {
      let out = 0;
      for (const { places, values } of sources) {
        let column = 0;
        for await (const part of values()) {
          const view = target();
          for (let from = 0; from < part.length;) {
            const start =
              Math.floor(out / PANEL) * rows * PANEL + (out % PANEL);
            const count = Math.min(places.length - column, part.length - from);
            for (let i = 0; i < count; i++) {
              const row = places[column + i] ?? NaN;
              view[start + row * PANEL] = part[from + i] ?? NaN;
            }
            from += count;
            column += count;
            if (column < places.length) continue;
            column = 0;
            out += 1;
          }
        }
      }
    },
  };
}

/** A matrix [out, in], row by row. */
interface Matrix {
  /** Place of each input among the rows of the product's weight. */
  readonly places: Uint32Array;
  readonly values: () => AsyncIterable<Float32Array>;
}

function matrixOf(name: string, layer: ProductLayer): Matrix {
  const { channels } = layer.input;
  if (layer.kind === "quantized") {
    const places = Uint32Array.from({ length: channels }, (_, i) => i);
    return { places, values: () => dequantized(name, layer) };
  }
  const [height, width] = layer.window.kernel;
  const taps = height * width;
  const places = Uint32Array.from(
    { length: channels * taps },
    (_, i) => (i % taps) * channels + Math.floor(i / taps),
  );
  const source = kernelOf(name, layer);
  return { places, values: () => floatsOf(source) };
}

/** The kernel [out, in / groups, height, width] of a convolution. */
function kernelOf(name: string, layer: LayerOf<"conv">): Weight {
  const { terms, channels, input, groups, window } = layer;
  const shape = [channels, input.channels / groups, ...window.kernel] as const;
  const kernel = { terms, shape, asMatMul: false };
  return kernelWeight(name, "float32", kernel);
}

async function* floatsOf(weight: Weight): AsyncGenerator<Float32Array> {
  for await (const { buffer, byteOffset, length } of weight.chunks()) {
    yield new Float32Array(buffer, byteOffset, length / 4);
  }
}

async function allBytesOf(weight: Weight): Promise<Uint8Array> {
  const all = new Uint8Array(weight.bytes);
  let at = 0;
  for await (const chunk of weight.chunks()) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}

/** The rows of a weight in blocks: (packed - zero) · scale. */
async function* dequantized(
  name: string,
  layer: LayerOf<"quantized">,
): AsyncGenerator<Float32Array> {
  const { bits, blockSize, channels, input } = layer;
  const weights = quantizedWeights(name, layer);
  const { type } = weights.scales;
  const packed = await allBytesOf(weights.packed);
  const scales = decodeBytes(type, await allBytesOf(weights.scales));
  const zeros = weights.zeros && (await allBytesOf(weights.zeros));
  const blocks = Math.ceil(input.channels / blockSize);
  const perByte = 8 / bits;
  const mask = 2 ** bits - 1;
  const valueAt = (bytes: Uint8Array, row: number, size: number, i: number) => {
    const byte = bytes[row * size + Math.floor(i / perByte)] ?? NaN;
    return (byte >> ((i % perByte) * bits)) & mask;
  };
  const rowBytes = (blocks * blockSize) / perByte;
  const zeroBytes = Math.ceil(blocks / perByte);
  for (let row = 0; row < channels; row++) {
    const values = new Float32Array(input.channels);
    for (let i = 0; i < values.length; i++) {
      const block = Math.floor(i / blockSize);
      const zero =
        zeros === undefined
          ? 2 ** (bits - 1)
          : valueAt(zeros, row, zeroBytes, block);
      const scale = scales[row * blocks + block] ?? NaN;
      values[i] = (valueAt(packed, row, rowBytes, i) - zero) * scale;
    }
    yield values;
  }
}
