import type { GpuMemory } from "../../src/shared/models";

type Purpose = keyof GpuMemory;

const WEIGHT = "weight ";
/** The label of the buffers that hold a weight. */
export const weightLabel = (name: string): string => WEIGHT + name;
/** The labels of other buffers that `GpuMemory` lists. */
export const CACHE_LABEL = "KV cache";
export const LOGITS_LABEL = "logits";

/** Buffers of ONNX Runtime have no labels. */
function purposeOf(label = ""): Purpose {
  if (label.startsWith(WEIGHT)) return "weights";
  if (label === CACHE_LABEL) return "cache";
  if (label === LOGITS_LABEL) return "logits";
  return label === "" ? "runtime" : "other";
}

interface Counted {
  readonly purpose: Purpose;
  readonly bytes: number;
}

/**
 * Counts the bytes of a device's buffers and textures, those of ONNX Runtime
 * included, by wrapping the methods of the device object. A resource that is
 * dropped without `destroy` counts until it is garbage-collected.
 */
export class GpuBytes {
  readonly #parts: Record<Purpose, number> = {
    weights: 0,
    cache: 0,
    logits: 0,
    runtime: 0,
    other: 0,
  };
  readonly #listeners = new Set<() => void>();
  readonly #dropped = new FinalizationRegistry<Counted>(
    ({ purpose, bytes }) => {
      this.#parts[purpose] -= bytes;
    },
  );

  constructor(device: GPUDevice) {
    const createBuffer = device.createBuffer.bind(device);
    device.createBuffer = (descriptor) =>
      this.#count(createBuffer(descriptor), {
        purpose: purposeOf(descriptor.label),
        bytes: descriptor.size,
      });
    const createTexture = device.createTexture.bind(device);
    device.createTexture = (descriptor) =>
      this.#count(createTexture(descriptor), {
        purpose: purposeOf(descriptor.label),
        bytes: textureBytes(descriptor),
      });
  }

  get now(): number {
    return Object.values(this.#parts).reduce((sum, bytes) => sum + bytes, 0);
  }

  /** The same bytes by what they are for. */
  get parts(): GpuMemory {
    return { ...this.#parts };
  }

  /** Calls `listener` whenever the count grows; returns a function that removes
   * it. */
  onGrowth(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #count<T extends GPUBuffer | GPUTexture>(resource: T, counted: Counted): T {
    const { purpose, bytes } = counted;
    this.#parts[purpose] += bytes;
    for (const listener of this.#listeners) listener();
    this.#dropped.register(resource, counted, resource);
    const destroy = resource.destroy.bind(resource);
    resource.destroy = () => {
      if (this.#dropped.unregister(resource)) {
        this.#parts[purpose] -= bytes;
      }
      return destroy();
    };
    return resource;
  }
}

/** Ignores mip levels, which no texture here has. */
export function textureBytes(descriptor: GPUTextureDescriptor): number {
  const { size, format, sampleCount = 1 } = descriptor;
  const [width = 1, height = 1, layers = 1] =
    Symbol.iterator in size
      ? size
      : [size.width, size.height, size.depthOrArrayLayers];
  return width * height * layers * sampleCount * bytesPerPixel(format);
}

/** `rgba16float` has four channels of 16 bits; four bytes for other formats. */
function bytesPerPixel(format: GPUTextureFormat): number {
  const [, channels, bits] = /^([rgba]+)(8|16|32)/.exec(format) ?? [];
  return channels === undefined ? 4 : (channels.length * Number(bits)) / 8;
}
