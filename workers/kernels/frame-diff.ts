import { at } from "../util/assert";
import { FRAME_DIFF_GRID } from "./frame-diff.reference";
import code from "./frame-diff.wgsl?raw";
import { encode, prepare, type KernelDispatch } from "./kernel";

const BYTES = 4;

/** The frame that others are compared with. */
interface Reference {
  readonly size: number;
  readonly planes: GPUBuffer;
  /** The last dispatch and the frame it is bound to. */
  bound?: { readonly frame: GPUBuffer; readonly dispatch: KernelDispatch };
}

/** Compares frames, planes R, G, B on the GPU, with the one that was kept last.
 * Reads a single number back. */
export class FrameDiffKernel {
  readonly #device: GPUDevice;
  readonly #result: GPUBuffer;
  readonly #readback: GPUBuffer;
  #reference: Reference | undefined;

  constructor(device: GPUDevice) {
    const { STORAGE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
    const create = (label: string, usage: number): GPUBuffer =>
      device.createBuffer({ label, size: BYTES, usage });
    this.#device = device;
    this.#result = create("frame diff", STORAGE | COPY_SRC | COPY_DST);
    this.#readback = create("frame diff readback", COPY_DST | MAP_READ);
  }

  /** The difference of `planes` [3, size, size], from 0 to 1; Infinity if no
   * frame of that size was kept. Calls must not overlap. */
  async measure(planes: GPUBuffer, size: number): Promise<number> {
    const reference = this.#reference;
    if (reference?.size !== size) return Infinity;
    const encoder = this.#device.createCommandEncoder({ label: "frame diff" });
    encoder.clearBuffer(this.#result);
    const pass = encoder.beginComputePass({ label: "frame diff" });
    encode(pass, this.#dispatchFor(reference, planes));
    pass.end();
    encoder.copyBufferToBuffer(this.#result, 0, this.#readback, 0, BYTES);
    this.#device.queue.submit([encoder.finish()]);
    await this.#readback.mapAsync(GPUMapMode.READ);
    const result = at(new Float32Array(this.#readback.getMappedRange()), 0);
    this.#readback.unmap();
    return result;
  }

  /** Copies `planes` as the frame that later ones are compared with. */
  keep(planes: GPUBuffer, size: number): void {
    const bytes = 3 * size * size * BYTES;
    if (this.#reference?.size !== size) {
      this.#reference?.planes.destroy();
      const { STORAGE, COPY_DST } = GPUBufferUsage;
      const copy = this.#device.createBuffer({
        label: "reference frame",
        size: bytes,
        usage: STORAGE | COPY_DST,
      });
      this.#reference = { size, planes: copy };
    }
    const encoder = this.#device.createCommandEncoder({ label: "keep frame" });
    const { planes: copy } = this.#reference;
    encoder.copyBufferToBuffer(planes, 0, copy, 0, bytes);
    this.#device.queue.submit([encoder.finish()]);
  }

  dispose(): void {
    this.#reference?.planes.destroy();
    this.#reference = undefined;
    this.#result.destroy();
    this.#readback.destroy();
  }

  #dispatchFor(reference: Reference, frame: GPUBuffer): KernelDispatch {
    if (reference.bound?.frame !== frame) {
      const constants = { SIZE: reference.size, GRID: FRAME_DIFF_GRID };
      const dispatch = prepare(
        this.#device,
        { label: "frame-diff", code, constants },
        [frame, reference.planes, this.#result].map((buffer) => ({ buffer })),
        [FRAME_DIFF_GRID, FRAME_DIFF_GRID, 1],
      );
      reference.bound = { frame, dispatch };
    }
    return reference.bound.dispatch;
  }
}
