import type { Gpu } from "../../ort/device";

/** Brings a few numbers back, through a buffer that is kept. */
export class Readback {
  readonly #gpu: Gpu;
  readonly #source: GPUBuffer;
  readonly #buffer: GPUBuffer;

  constructor(gpu: Gpu, source: GPUBuffer) {
    this.#gpu = gpu;
    this.#source = source;
    const { COPY_DST, MAP_READ } = GPUBufferUsage;
    this.#buffer = gpu.device.createBuffer({
      label: "readback",
      size: source.size,
      usage: COPY_DST | MAP_READ,
    });
  }

  /** To be submitted before `read` is called. */
  encode(encoder: GPUCommandEncoder): void {
    const { size } = this.#source;
    encoder.copyBufferToBuffer(this.#source, 0, this.#buffer, 0, size);
  }

  /** What was copied, once the GPU has come so far. */
  async read(): Promise<readonly number[]> {
    const mapped = this.#gpu.guard(this.#buffer.mapAsync(GPUMapMode.READ));
    await Promise.all([mapped, this.#gpu.told()]);
    const numbers = [...new Int32Array(this.#buffer.getMappedRange())];
    this.#buffer.unmap();
    this.#gpu.check();
    return numbers;
  }

  destroy(): void {
    this.#buffer.destroy();
  }
}
