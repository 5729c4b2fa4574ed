import { VlmError } from "../../src/shared/errors";
import { watched } from "./error-scopes";
import { GpuBytes } from "./gpu-bytes";
import { watchShaders } from "./shaders";

/** The one GPUDevice that the runtime and our kernels share. */
export class Gpu {
  readonly device: GPUDevice;
  /** e.g. `google swiftshader`. */
  readonly name: string;
  /** Of all buffers and textures. */
  readonly bytes: GpuBytes;
  /** Resolves when the device goes away, unless `close` was called. */
  readonly lost: Promise<VlmError>;
  readonly #waiting = new Set<(loss: VlmError) => void>();
  #loss: VlmError | undefined;
  #fault: VlmError | undefined;
  /** How many there were: what was made before may be of no use. */
  faults = 0;
  /** All that was watched was told of. */
  #told: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(device: GPUDevice, name: string) {
    this.device = device;
    this.name = name;
    this.bytes = new GpuBytes(device);
    watchShaders(device);
    this.lost = new Promise((resolve) => {
      void device.lost.then(({ message, reason }) => {
        this.#loss = deviceLost(message || reason);
        for (const reject of this.#waiting) reject(this.#loss);
        if (!this.#closed) resolve(this.#loss);
      });
    });
    device.addEventListener("uncapturederror", ({ error }) => {
      this.#note(error);
    });
  }

  get isLost(): boolean {
    return this.#loss !== undefined;
  }

  /** Throws what went wrong on the GPU since the last call. WebGPU reports it
   * apart from the call that caused it. */
  check(): void {
    const fault = this.#takeFault();
    if (fault !== undefined) throw fault;
  }

  /** Does `work`. Its faults are noted by the time `told` resolves; others may be
   * noted later than what they made useless is read. */
  watch<T>(work: () => T): T {
    const { made, fault } = watched(this.device, work);
    const told = fault.then(
      (error) => {
        if (error !== undefined) this.#note(error);
      },
      () => undefined,
    );
    // Not of both: its value would hold the one before, and so on, for ever.
    this.#told = this.#told.then(() => told);
    return made;
  }

  /** Resolves when `check` knows of all that was watched so far. */
  async told(): Promise<void> {
    await this.guard(this.#told);
  }

  /** `work`, or the loss of the device: work on a lost one may never settle.
   * (A race with `lost` would keep every result alive as long as the device.) */
  async guard<T>(work: Promise<T>): Promise<T> {
    let waiting: ((loss: VlmError) => void) | undefined;
    const loss = new Promise<never>((_, reject) => {
      waiting = reject;
      this.#waiting.add(reject);
      if (this.#loss !== undefined) reject(this.#loss);
    });
    try {
      return await Promise.race([work, loss]);
    } finally {
      if (waiting !== undefined) this.#waiting.delete(waiting);
    }
  }

  /** What really lay behind `error`: the loss of the device, if that follows
   * at once (WebGPU rejects what was pending first), or a fault on it. */
  async explain(error: unknown): Promise<VlmError> {
    if (error instanceof VlmError) return error;
    await Promise.race([this.lost, new Promise((r) => setTimeout(r, 100))]);
    return this.#takeFault() ?? VlmError.from(error);
  }

  /** Drops what else is told of work that has failed: one fault often makes
   * more, which would be blamed on whoever comes next. */
  async forgetFaults(): Promise<void> {
    const done = this.guard(this.device.queue.onSubmittedWorkDone());
    await done.catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve));
    this.#fault = undefined;
  }

  #note(error: GPUError): void {
    this.faults += 1;
    this.#fault ??= faultOf(error);
  }

  /** A fault is told once; a loss is for good. */
  #takeFault(): VlmError | undefined {
    const fault = this.#loss ?? this.#fault;
    this.#fault = undefined;
    return fault;
  }

  close(): void {
    this.#closed = true;
    this.device.destroy();
  }
}

function deviceLost(message: string): VlmError {
  return new VlmError(
    "device-lost",
    `The graphics device was lost: ${message}`,
    "Load the model again; if it happens often, close other tabs that use the GPU.",
  );
}

export function outOfMemory(message: string): VlmError {
  return new VlmError(
    "out-of-memory",
    `Memory ran out: ${message}`,
    "Close other tabs, or choose a smaller picture size, dtype or model.",
  );
}

/** How the message of any other fault on a GPU begins. */
export const GPU_FAULT = "WebGPU: ";

export function faultOf(error: GPUError): VlmError {
  return error instanceof GPUOutOfMemoryError
    ? outOfMemory(error.message)
    : VlmError.from(new Error(GPU_FAULT + error.message));
}
