import { GRID } from "./change.reference";
import code from "./change.wgsl?raw";
import { encode, prepare, type Dispatch } from "./kernel";

const BYTES = 4;

/** The square that others are compared with, and what compares. */
interface Kept {
  readonly side: number;
  readonly planes: GPUBuffer;
  /** As last bound. */
  bound?: { readonly now: GPUBuffer; readonly dispatch: Dispatch };
}

/**
 * How much squares of planes R, G, B differ from the one that was kept last.
 * They stay on the GPU; one number comes back.
 */
export class ChangeMeter {
  readonly #device: GPUDevice;
  readonly #change: GPUBuffer;
  readonly #readback: GPUBuffer;
  #kept: Kept | undefined;

  constructor(device: GPUDevice) {
    const { STORAGE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
    const make = (label: string, usage: number): GPUBuffer =>
      device.createBuffer({ label, size: BYTES, usage });
    this.#device = device;
    this.#change = make("change", STORAGE | COPY_SRC | COPY_DST);
    this.#readback = make("change readback", COPY_DST | MAP_READ);
  }

  /** From 0 to 1, of `planes` [3, side, side]; Infinity if no square of that
   * side was kept. One at a time. */
  async measure(planes: GPUBuffer, side: number): Promise<number> {
    const kept = this.#kept;
    if (kept?.side !== side) return Infinity;
    const encoder = this.#device.createCommandEncoder({ label: "change" });
    encoder.clearBuffer(this.#change);
    const pass = encoder.beginComputePass({ label: "change" });
    encode(pass, this.#dispatchOf(kept, planes));
    pass.end();
    encoder.copyBufferToBuffer(this.#change, 0, this.#readback, 0, BYTES);
    this.#device.queue.submit([encoder.finish()]);
    await this.#readback.mapAsync(GPUMapMode.READ);
    const [change = NaN] = new Float32Array(this.#readback.getMappedRange());
    this.#readback.unmap();
    return change;
  }

  /** From now on `planes` as it is now is what others are compared with. */
  keep(planes: GPUBuffer, side: number): void {
    const size = 3 * side * side * BYTES;
    if (this.#kept?.side !== side) {
      this.#kept?.planes.destroy();
      const { STORAGE, COPY_DST } = GPUBufferUsage;
      const usage = STORAGE | COPY_DST;
      const label = "kept picture";
      const copy = this.#device.createBuffer({ label, size, usage });
      this.#kept = { side, planes: copy };
    }
    const encoder = this.#device.createCommandEncoder({ label: "keep" });
    encoder.copyBufferToBuffer(planes, 0, this.#kept.planes, 0, size);
    this.#device.queue.submit([encoder.finish()]);
  }

  dispose(): void {
    this.#kept?.planes.destroy();
    this.#kept = undefined;
    this.#change.destroy();
    this.#readback.destroy();
  }

  #dispatchOf(kept: Kept, now: GPUBuffer): Dispatch {
    if (kept.bound?.now !== now) {
      const constants = { SIDE: kept.side, GRID };
      const dispatch = prepare(
        this.#device,
        { label: "change", code, constants },
        [now, kept.planes, this.#change].map((buffer) => ({ buffer })),
        [GRID, GRID, 1],
      );
      kept.bound = { now, dispatch };
    }
    return kept.bound.dispatch;
  }
}
