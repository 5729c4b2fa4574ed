import argmaxCode from "./argmax.wgsl?raw";
import arriveCode from "./collect-candidates.wgsl?raw";
import descentCode from "./radix-descent.wgsl?raw";
import drawCode from "./sample.wgsl?raw";
import halfCode from "./half.wgsl?raw";
import { encode, prepare, upload, type Dispatch, type Kernel } from "./kernel";
import logitsCode from "./logits.wgsl?raw";
import { prepareMask } from "./mask";
import maximaCode from "./maxima.wgsl?raw";
import type { SamplerState } from "./sampler-state";
import stateCode from "./state.wgsl?raw";
import tallyCode from "./radix-histogram.wgsl?raw";
import tiesCode from "./radix-ties.wgsl?raw";
import wideCode from "./wide.wgsl?raw";

const read = halfCode + logitsCode;
const descent = read + wideCode + stateCode + descentCode + arriveCode;

/** Steps of the longest descent: three goals of four each. */
const STEPS = 12;
const BINS = 256;
const STATE_BYTES = 40;

export interface Logits {
  /** [rows, vocabulary], densely. */
  readonly buffer: GPUBuffer;
  readonly type: "float32" | "float16";
  readonly rows: number;
}

/**
 * Picks a token of each row of logits into `picked`, as `state` says: the first
 * of the largest, or (of one row only) a draw. Where only some are allowed, the
 * other logits of that row are lost.
 *
 * Everything is made once, what draws and masks need when first needed; `encode`
 * makes nothing.
 */
export class GpuSampler {
  readonly #device: GPUDevice;
  readonly #state: SamplerState;
  readonly #logits: Logits;
  readonly #groups: number;
  readonly #buffers: GPUBuffer[] = [];
  readonly #maximaBuffer: GPUBuffer;
  readonly #maxima: Dispatch;
  readonly #argmax: Dispatch;
  #mask: Dispatch | undefined;
  /** Steps of the descent, then `ties`, then `draw`. */
  #draw: readonly Dispatch[] | undefined;

  constructor(device: GPUDevice, state: SamplerState, logits: Logits) {
    const { rows } = logits;
    this.#device = device;
    this.#state = state;
    this.#logits = logits;
    this.#groups = Math.ceil(state.sizes.vocabulary / state.stretch);
    this.#maximaBuffer = this.#make("maxima", 8 * rows * this.#groups);
    this.#maxima = prepare(
      device,
      this.#kernel("maxima", read + maximaCode),
      [...this.#common, { buffer: this.#maximaBuffer }],
      [this.#groups, rows, 1],
    );
    this.#argmax = prepare(
      device,
      { label: "argmax", code: argmaxCode },
      [{ buffer: this.#maximaBuffer }, { buffer: state.picked }],
      [rows, 1, 1],
    );
  }

  encode(pass: GPUComputePassEncoder): void {
    const { goals, constrained } = this.#state;
    const { rows } = this.#logits;
    if (constrained) {
      if (rows !== 1) throw new RangeError("A mask is of one row.");
      this.#mask ??= prepareMask(this.#device, this.#state, this.#logits);
      encode(pass, this.#mask);
    }
    encode(pass, this.#maxima);
    if (goals === 0) {
      encode(pass, this.#argmax);
      return;
    }
    if (rows !== 1) throw new RangeError("Draws are of one row.");
    this.#draw ??= this.#prepareDraw();
    for (const [i, dispatch] of this.#draw.entries()) {
      if (i >= STEPS - 4 * goals) encode(pass, dispatch);
    }
  }

  dispose(): void {
    for (const buffer of this.#buffers) buffer.destroy();
  }

  #prepareDraw(): readonly Dispatch[] {
    const device = this.#device;
    const groups = this.#groups;
    const { ids, picked } = this.#state;
    const states = this.#make("descent", STATE_BYTES * (STEPS + 1));
    const tallies = this.#make("tallies", 4 * (STEPS * 3 * BINS + groups));
    const { minUniformBufferOffsetAlignment: aligned } = device.limits;
    const words = new Uint32Array(((STEPS + 1) * aligned) / 4);
    for (let i = 0; i <= STEPS; i++) words[(i * aligned) / 4] = i;
    const indices = upload(device, "steps", words, GPUBufferUsage.UNIFORM);
    this.#buffers.push(indices);
    const step = (kernel: Kernel, index: number): Dispatch =>
      prepare(
        device,
        kernel,
        [
          ...this.#common,
          { buffer: indices, offset: index * aligned, size: 16 },
          { buffer: this.#maximaBuffer },
          { buffer: ids },
          { buffer: states },
          { buffer: tallies },
        ],
        [groups, 1, 1],
      );
    const tally = this.#kernel("tally", descent + tallyCode);
    const ties = this.#kernel("ties", descent + tiesCode);
    const draw = this.#kernel("draw", read + stateCode + drawCode);
    return [
      ...Array.from({ length: STEPS }, (_, index) => step(tally, index)),
      step(ties, STEPS),
      prepare(
        device,
        draw,
        [
          ...this.#common,
          { buffer: states },
          { buffer: tallies },
          { buffer: picked },
        ],
        [1, 1, 1],
      ),
    ];
  }

  /** What logits.wgsl binds. */
  get #common(): readonly GPUBufferBinding[] {
    const { used, options } = this.#state;
    return [this.#logits.buffer, used, options].map((buffer) => ({ buffer }));
  }

  #kernel(label: string, code: string): Kernel {
    const constants = { HALVES: this.#logits.type === "float16" ? 1 : 0 };
    return { label, code, constants };
  }

  #make(label: string, size: number): GPUBuffer {
    const usage = GPUBufferUsage.STORAGE;
    const buffer = this.#device.createBuffer({ label, size, usage });
    this.#buffers.push(buffer);
    return buffer;
  }
}
