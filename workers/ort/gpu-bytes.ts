/**
 * Counts the bytes of a device's buffers and textures, those of ONNX Runtime
 * included, by wrapping the methods of the device object. A resource that is
 * dropped without `destroy` counts until it is garbage-collected.
 */
export class GpuBytes {
  #now = 0;
  readonly #listeners = new Set<() => void>();
  readonly #dropped = new FinalizationRegistry<number>((bytes) => {
    this.#now -= bytes;
  });

  constructor(device: GPUDevice) {
    const createBuffer = device.createBuffer.bind(device);
    device.createBuffer = (descriptor) =>
      this.#count(createBuffer(descriptor), descriptor.size);
    const createTexture = device.createTexture.bind(device);
    device.createTexture = (descriptor) =>
      this.#count(createTexture(descriptor), textureBytes(descriptor));
  }

  get now(): number {
    return this.#now;
  }

  /** Calls `listener` whenever the count grows; returns a function that removes
   * it. */
  onGrowth(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #count<T extends GPUBuffer | GPUTexture>(resource: T, bytes: number): T {
    this.#now += bytes;
    for (const listener of this.#listeners) listener();
    this.#dropped.register(resource, bytes, resource);
    const destroy = resource.destroy.bind(resource);
    resource.destroy = () => {
      if (this.#dropped.unregister(resource)) this.#now -= bytes;
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
