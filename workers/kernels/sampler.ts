import argmaxCode from "./argmax.wgsl?raw";
import argmaxPartialCode from "./argmax-partial.wgsl?raw";
import float16Code from "./float16.wgsl?raw";
import {
  encode,
  prepare,
  upload,
  type Kernel,
  type KernelDispatch,
} from "./kernel";
import logitKeysCode from "./logit-keys.wgsl?raw";
import maskCode from "./mask.wgsl?raw";
import radixHistogramCode from "./radix-histogram.wgsl?raw";
import radixScanCode from "./radix-scan.wgsl?raw";
import radixSelectCode from "./radix-select.wgsl?raw";
import radixStateCode from "./radix-state.wgsl?raw";
import radixTiesCode from "./radix-ties.wgsl?raw";
import sampleCode from "./sample.wgsl?raw";
import { PASSES, type SamplerState } from "./sampler-state";
import uint64Code from "./uint64.wgsl?raw";

const keysCode = float16Code + logitKeysCode;
const radixCode =
  keysCode + uint64Code + radixStateCode + radixSelectCode + radixScanCode;

const BINS = 256;
const STATE_BYTES = 40;

const MASK_THREADS = 256;
/** The WebGPU limit of workgroups per dimension. */
const MAX_WORKGROUPS = 65_535;

interface SamplerLogits {
  /** [rows, vocabulary], without padding. */
  readonly buffer: GPUBuffer;
  readonly type: "float32" | "float16";
  readonly rows: number;
}

/**
 * Samples a token from each row of logits into `state.picked`: greedily, or, for
 * a single row, with temperature, top-k and top-p. A token mask overwrites the
 * logits of forbidden tokens.
 *
 * Pipelines and buffers are created once, those for sampling and masks on first
 * use.
 */
export class GpuSampler {
  readonly #device: GPUDevice;
  readonly #state: SamplerState;
  readonly #logits: SamplerLogits;
  readonly #groups: number;
  readonly #buffers: GPUBuffer[] = [];
  readonly #maxima: GPUBuffer;
  readonly #argmaxPartial: KernelDispatch;
  readonly #argmax: KernelDispatch;
  #mask: KernelDispatch | undefined;
  /** The passes of the radix select, then `radix-ties`, then `sample`. */
  #sample: readonly KernelDispatch[] | undefined;

  constructor(device: GPUDevice, state: SamplerState, logits: SamplerLogits) {
    const { rows } = logits;
    this.#device = device;
    this.#state = state;
    this.#logits = logits;
    this.#groups = Math.ceil(state.sizes.vocabulary / state.stretch);
    this.#maxima = this.#createBuffer("maxima", 8 * rows * this.#groups);
    this.#argmaxPartial = prepare(
      device,
      this.#kernel("argmax-partial", keysCode + argmaxPartialCode),
      [...this.#keyBindings, { buffer: this.#maxima }],
      [this.#groups, rows, 1],
    );
    this.#argmax = prepare(
      device,
      { label: "argmax", code: argmaxCode },
      [{ buffer: this.#maxima }, { buffer: state.picked }],
      [rows, 1, 1],
    );
  }

  encode(pass: GPUComputePassEncoder): void {
    const { firstPass, constrained } = this.#state;
    const { rows } = this.#logits;
    if (constrained) {
      if (rows !== 1) throw new RangeError("A token mask needs a single row");
      this.#mask ??= this.#prepareMask();
      encode(pass, this.#mask);
    }
    encode(pass, this.#argmaxPartial);
    if (firstPass === PASSES) {
      encode(pass, this.#argmax);
      return;
    }
    if (rows !== 1) throw new RangeError("Sampling needs a single row");
    this.#sample ??= this.#prepareSample();
    for (const [i, dispatch] of this.#sample.entries()) {
      if (i >= firstPass) encode(pass, dispatch);
    }
  }

  dispose(): void {
    for (const buffer of this.#buffers) buffer.destroy();
  }

  #prepareMask(): KernelDispatch {
    const { buffer, type } = this.#logits;
    const { sizes, allowed } = this.#state;
    const words = sizes.vocabulary / (type === "float16" ? 2 : 1);
    const groups = Math.ceil(words / MASK_THREADS);
    const width = Math.min(groups, MAX_WORKGROUPS);
    return prepare(
      this.#device,
      this.#kernel("mask", maskCode),
      [{ buffer }, { buffer: allowed }],
      [width, Math.ceil(groups / width), 1],
    );
  }

  #prepareSample(): readonly KernelDispatch[] {
    const device = this.#device;
    const groups = this.#groups;
    const { ids, picked } = this.#state;
    const states = this.#createBuffer(
      "radix states",
      STATE_BYTES * (PASSES + 1),
    );
    const histogramWords = PASSES * 3 * BINS + groups;
    const histograms = this.#createBuffer("histograms", 4 * histogramWords);
    const { minUniformBufferOffsetAlignment: alignment } = device.limits;
    const words = new Uint32Array(((PASSES + 1) * alignment) / 4);
    for (let i = 0; i <= PASSES; i++) words[(i * alignment) / 4] = i;
    const indices = upload(device, "passes", words, GPUBufferUsage.UNIFORM);
    this.#buffers.push(indices);
    const preparePass = (kernel: Kernel, index: number): KernelDispatch =>
      prepare(
        device,
        kernel,
        [
          ...this.#keyBindings,
          { buffer: indices, offset: index * alignment, size: 16 },
          { buffer: this.#maxima },
          { buffer: ids },
          { buffer: states },
          { buffer: histograms },
        ],
        [groups, 1, 1],
      );
    const histogram = this.#kernel(
      "radix-histogram",
      radixCode + radixHistogramCode,
    );
    const ties = this.#kernel("radix-ties", radixCode + radixTiesCode);
    const sample = this.#kernel(
      "sample",
      keysCode + radixStateCode + sampleCode,
    );
    return [
      ...Array.from({ length: PASSES }, (_, i) => preparePass(histogram, i)),
      preparePass(ties, PASSES),
      prepare(
        device,
        sample,
        [
          ...this.#keyBindings,
          { buffer: states },
          { buffer: histograms },
          { buffer: picked },
        ],
        [1, 1, 1],
      ),
    ];
  }

  /** The bindings of logit-keys.wgsl. */
  get #keyBindings(): readonly GPUBufferBinding[] {
    const { used, options } = this.#state;
    return [this.#logits.buffer, used, options].map((buffer) => ({ buffer }));
  }

  #kernel(label: string, code: string): Kernel {
    const constants = { HALVES: this.#logits.type === "float16" ? 1 : 0 };
    return { label, code, constants };
  }

  #createBuffer(label: string, size: number): GPUBuffer {
    const usage = GPUBufferUsage.STORAGE;
    const buffer = this.#device.createBuffer({ label, size, usage });
    this.#buffers.push(buffer);
    return buffer;
  }
}
