import { VlmError, sentence } from "../../src/shared/errors";
import { withErrorScopes } from "./error-scopes";
import { GpuBytes } from "./gpu-bytes";
import { watchShaders } from "./pipeline-shaders";

/** The one GPUDevice that ONNX Runtime and our kernels share. */
export class Gpu {
  readonly device: GPUDevice;
  /** Vendor and architecture, e.g. `google swiftshader`. */
  readonly name: string;
  /** Bytes of all buffers and textures. */
  readonly bytes: GpuBytes;
  /** Resolves when the device is lost, unless `close` was called. */
  readonly lost: Promise<VlmError>;
  /** Called when a shader has been compiled. */
  onShader: () => void = () => undefined;
  /** GPU errors so far. Results from before an error may be invalid. */
  errorCount = 0;
  readonly #guarded = new Set<(loss: VlmError) => void>();
  #loss: VlmError | undefined;
  #error: VlmError | undefined;
  #watches: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(device: GPUDevice, name: string) {
    this.device = device;
    this.name = name;
    this.#watchBuffers();
    this.bytes = new GpuBytes(device);
    watchShaders(device, () => this.onShader());
    this.lost = new Promise((resolve) => {
      void device.lost.then(({ message, reason }) => {
        this.#loss = deviceLost(message || reason);
        for (const reject of this.#guarded) reject(this.#loss);
        if (!this.#closed) resolve(this.#loss);
      });
    });
    device.addEventListener("uncapturederror", ({ error }) => {
      this.#note(error);
    });
  }

  /** Whether ONNX Runtime multiplies 4-bit weights in 8 bits on this device where
   * their `accuracy_level` allows it. */
  get multipliesIn8Bits(): boolean {
    const { features, adapterInfo } = this.device;
    return features.has("subgroups") && adapterInfo.vendor !== "apple";
  }

  get isLost(): boolean {
    return this.#loss !== undefined;
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** Throws the first GPU error since the last call, or the loss of the device.
   * WebGPU reports errors separately from the call that caused them. */
  check(): void {
    const error = this.#takeError();
    if (error !== undefined) throw error;
  }

  /**
   * Runs `work`. Its errors are known to `check` once `watchesDone` resolves. An
   * error outside of `watch` may be reported after its invalid result was read.
   */
  watch<T>(work: () => T): T {
    const { result, error } = withErrorScopes(this.device, work);
    const noted = error.then(
      (error) => {
        if (error !== undefined) this.#note(error);
      },
      () => undefined,
    );
    // `Promise.all` would keep every earlier promise alive.
    this.#watches = this.#watches.then(() => noted);
    return result;
  }

  async watchesDone(): Promise<void> {
    await this.guard(this.#watches);
  }

  /**
   * `work`, or a rejection if the device is lost: promises of a lost device may
   * never settle. (Racing with `lost` would keep every result alive as long as
   * the device.)
   */
  async guard<T>(work: Promise<T>): Promise<T> {
    let onLoss: ((loss: VlmError) => void) | undefined;
    const loss = new Promise<never>((_, reject) => {
      onLoss = reject;
      this.#guarded.add(reject);
      if (this.#loss !== undefined) reject(this.#loss);
    });
    try {
      return await Promise.race([work, loss]);
    } finally {
      if (onLoss !== undefined) this.#guarded.delete(onLoss);
    }
  }

  /** The GPU error or the loss of the device that caused `error`. WebGPU rejects
   * pending promises shortly before it reports the loss. */
  async explain(error: unknown): Promise<VlmError> {
    if (error instanceof VlmError) return error;
    await Promise.race([this.lost, new Promise((r) => setTimeout(r, 100))]);
    return this.#takeError() ?? VlmError.from(error);
  }

  /** Discards further errors of work that has failed. One error often causes
   * more, which the next `check` would report for other work. */
  async forgetErrors(): Promise<void> {
    const done = this.guard(this.device.queue.onSubmittedWorkDone());
    await done.catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve));
    this.#error = undefined;
  }

  close(): void {
    this.#closed = true;
    this.device.destroy();
  }

  /** A buffer that is mapped at its creation throws if there is no memory for it.
   * ONNX Runtime reports such a failure without its reason. */
  #watchBuffers(): void {
    const { device } = this;
    const createBuffer = device.createBuffer.bind(device);
    device.createBuffer = (descriptor) => {
      try {
        return createBuffer(descriptor);
      } catch (error) {
        if (error instanceof RangeError)
          this.#noteError(outOfMemory(error.message));
        throw error;
      }
    };
  }

  #note(error: GPUError): void {
    this.#noteError(gpuErrorToVlmError(error));
  }

  #noteError(error: VlmError): void {
    this.errorCount += 1;
    this.#error ??= error;
  }

  /** Reports an error once, and a loss every time. */
  #takeError(): VlmError | undefined {
    const error = this.#loss ?? this.#error;
    this.#error = undefined;
    return error;
  }
}

function deviceLost(message: string): VlmError {
  return new VlmError(
    "device-lost",
    sentence(`The GPU was lost: ${message}`),
    "Try again: the next request reloads the model. If this happens often, close other tabs that use the GPU.",
  );
}

export function outOfMemory(message: string): VlmError {
  return new VlmError(
    "out-of-memory",
    sentence(`Out of memory: ${message}`),
    "Close other tabs, or choose a smaller image size, dtype or model.",
  );
}

/** Prefix of the message of a GPU error other than out of memory. */
export const GPU_ERROR_PREFIX = "WebGPU: ";

export function gpuErrorToVlmError(error: GPUError): VlmError {
  return error instanceof GPUOutOfMemoryError
    ? outOfMemory(error.message)
    : VlmError.from(new Error(GPU_ERROR_PREFIX + error.message));
}
