import { benchmark } from "../../../kernels/benchmark";
import { fillWithNoise, maxDifference } from "../../../kernels/difference";
import { prepare, upload } from "../../../kernels/kernel";
import type {
  KernelVariant,
  StorageType,
} from "../../../kernels/kernel-variant";
import {
  compileCommands,
  encodeCommands,
  type Command,
  type Dispatch,
} from "../../../ort/command-recorder";
import {
  popScopes,
  pushScopes,
  withErrorScopes,
} from "../../../ort/error-scopes";
import { at } from "../../../util/assert";
import type { Operation } from "./operation";
import type { BufferRange } from "./ort-shader";
import { operationKey, trialRecordOf, type TrialResult } from "./trial-record";

/** Allowed difference, relative to the largest result. Sums of thousands differ
 * by their order; ORT adds halves in half precision, our kernels in single. */
const TOLERANCE: Readonly<Record<StorageType, number>> = {
  float32: 1e-4,
  float16: 3e-2,
};

/** A kernel family this many times slower than the fastest one is not tried
 * again, for any operation. */
const TOO_SLOW = 4;

interface DeviceTrials {
  readonly results: Map<string, Promise<TrialResult>>;
  readonly slowFamilies: Set<string>;
}

const trials = new WeakMap<GPUDevice, DeviceTrials>();

/**
 * Tries our kernels for `operation` against ORT's `commands` on this adapter, in
 * ORT's own buffers, whose contents are restored. Each kind of operation is tried
 * once per device, and not at all if its result is on record.
 */
export function tryOperation(
  device: GPUDevice,
  operation: Operation,
  commands: readonly Command[],
): Promise<TrialResult> {
  let known = trials.get(device);
  if (known === undefined) {
    known = { results: new Map(), slowFamilies: new Set() };
    trials.set(device, known);
  }
  const { results, slowFamilies } = known;
  const key = resultKey(operation, commands);
  let result = results.get(key);
  if (result === undefined) {
    result = tryOrRecall(device, operation, commands, slowFamilies);
    results.set(key, result);
    // A failed trial may be repeated.
    result.catch(() => results.delete(key));
  }
  return result;
}

/** Whether the result for `operation` is known, so that `commands` need not be
 * compiled for a trial. */
export async function isTried(
  device: GPUDevice,
  operation: Operation,
  commands: readonly Command[],
): Promise<boolean> {
  if (trials.get(device)?.results.has(resultKey(operation, commands)) === true)
    return true;
  const record = trialRecordOf(device);
  if (record === undefined) return false;
  const key = await operationKey(operation, commands, device.limits);
  return record.find(key) !== undefined;
}

function resultKey({ kind }: Operation, commands: readonly Command[]): string {
  return [kind, ...commands.map(({ shader }) => shader.code)].join("\n");
}

async function tryOrRecall(
  device: GPUDevice,
  operation: Operation,
  commands: readonly Command[],
  slowFamilies: Set<string>,
): Promise<TrialResult> {
  const record = trialRecordOf(device);
  if (record === undefined) {
    return runTrial(device, operation, commands, slowFamilies);
  }
  const key = await operationKey(operation, commands, device.limits);
  const known = record.find(key);
  if (known !== undefined) return known;
  const result = await runTrial(device, operation, commands, slowFamilies);
  record.add(key, result);
  return result;
}

async function runTrial(
  device: GPUDevice,
  operation: Operation,
  commands: readonly Command[],
  slowFamilies: Set<string>,
): Promise<TrialResult> {
  const dispatches = await compileCommands(device, commands);
  const failed = (fault: string): TrialResult => {
    return { faster: "ort", ortMs: NaN, kernelMs: NaN, kernel: "", fault };
  };
  const variants = operation
    .variants(device.limits)
    .filter(({ family }) => !slowFamilies.has(family));
  if (variants.length === 0) return failed("no kernel fits");
  const { noisy, preset = [], outputs } = operation;
  const touched = [...noisy, ...preset.map(({ range }) => range), ...outputs];
  if (!touched.every(({ buffer }) => isCopyable(buffer))) {
    return failed("its buffers cannot be copied");
  }
  const { result: trial, error } = withErrorScopes(device, () => {
    return new Trial(device, operation, dispatches);
  });
  const notSaved = await error;
  if (notSaved !== undefined) {
    trial.destroy();
    return failed(notSaved.message);
  }
  pushScopes(device);
  let result: TrialResult | undefined;
  try {
    trial.fillInputs();
    result = await findFastest(trial, operation, variants, slowFamilies);
  } catch (error) {
    if (await isLost(device)) throw error;
    result = failed(String(error));
  } finally {
    trial.restore();
    trial.destroy();
    const gpuError = await popScopes(device);
    if (gpuError !== undefined) result = failed(gpuError.message);
  }
  return result;
}

/**
 * Times ORT's commands and one kernel of each family first: compiling the
 * variants of slow families takes longer than all trials. Then times the
 * other variants, and compares the results of the fastest.
 */
async function findFastest(
  trial: Trial,
  { type }: Operation,
  variants: readonly KernelVariant[],
  slowFamilies: Set<string>,
): Promise<TrialResult> {
  const firsts = variants.filter(({ family }, i) => {
    return variants.findIndex((other) => other.family === family) === i;
  });
  const [ortMs, firstTimes] = await trial.timeWithOrt(firsts);
  const least = Math.min(...firstTimes);
  firsts.forEach(({ family }, i) => {
    if (at(firstTimes, i) > TOO_SLOW * least) slowFamilies.add(family);
  });
  const others = variants.filter((variant) => {
    return !firsts.includes(variant) && !slowFamilies.has(variant.family);
  });
  const best = firsts.filter((_, i) => firstTimes[i] === least);
  const candidates = [...best, ...others];
  const times =
    candidates.length === 1 ? [least] : await trial.time(candidates);
  const kernelMs = Math.min(...times);
  const fastest = candidates[times.indexOf(kernelMs)];
  if (fastest === undefined) throw new Error("The benchmark returned no times");
  const measured = { ortMs, kernelMs, kernel: fastest.kernel.label };
  if (kernelMs >= ortMs) return { faster: "ort", ...measured };
  const difference = await trial.compare(fastest);
  if (difference <= TOLERANCE[type]) return { faster: "kernel", ...measured };
  const fault = `differs by ${difference} of ORT's largest result`;
  return { faster: "ort", ...measured, fault };
}

/** The browser may report a lost device a little after the failure it causes. */
function isLost(device: GPUDevice): Promise<boolean> {
  return Promise.race([
    device.lost.then(() => true),
    new Promise<boolean>((resolve) => {
      setTimeout(() => {
        resolve(false);
      }, 100);
    }),
  ]);
}

function isCopyable({ usage }: GPUBuffer): boolean {
  const needed = GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
  return (usage & needed) === needed;
}

/** ORT's commands and our kernels side by side, on noise in ORT's own buffers. */
class Trial {
  readonly #device: GPUDevice;
  readonly #operation: Operation;
  readonly #commands: readonly Dispatch[];
  readonly #uniform: GPUBuffer;
  readonly #saved: readonly {
    readonly range: BufferRange;
    readonly copy: GPUBuffer;
  }[];
  readonly #buffers: GPUBuffer[] = [];

  /** Saves the contents of the inputs. */
  constructor(
    device: GPUDevice,
    operation: Operation,
    commands: readonly Dispatch[],
  ) {
    this.#device = device;
    this.#operation = operation;
    this.#commands = commands;
    const { UNIFORM } = GPUBufferUsage;
    this.#uniform = upload(device, "trial uniform", operation.uniform, UNIFORM);
    this.#buffers.push(this.#uniform);
    const preset = operation.preset?.map(({ range }) => range) ?? [];
    this.#saved = [...operation.noisy, ...preset].map((range) => {
      return { range, copy: this.#createBuffer(range.size) };
    });
    this.#submit((encoder) => {
      for (const { range, copy } of this.#saved) {
        const { buffer, offset, size } = range;
        encoder.copyBufferToBuffer(buffer, offset, copy, 0, size);
      }
    });
  }

  fillInputs(): void {
    const { type, noisy, preset = [] } = this.#operation;
    for (const { range, words } of preset) {
      const data = Uint32Array.from(words);
      this.#device.queue.writeBuffer(range.buffer, range.offset, data);
    }
    const noise = noisy.map((range) =>
      fillWithNoise(this.#device, type, range),
    );
    this.#submit((encoder) => {
      encodePass(encoder, noise);
    });
  }

  /** Restores the contents of the inputs. */
  restore(): void {
    this.#submit((encoder) => {
      for (const { range, copy } of this.#saved) {
        const { buffer, offset, size } = range;
        encoder.copyBufferToBuffer(copy, 0, buffer, offset, size);
      }
    });
  }

  destroy(): void {
    for (const buffer of this.#buffers) buffer.destroy();
  }

  /** Milliseconds of ORT's commands, and of each of `variants`. */
  async timeWithOrt(
    variants: readonly KernelVariant[],
  ): Promise<[number, number[]]> {
    const kernels = variants.map((variant) => [this.#bind(variant)]);
    const times = await this.#time([this.#commands, ...kernels]);
    return [at(times, 0), times.slice(1)];
  }

  time(variants: readonly KernelVariant[]): Promise<number[]> {
    return this.#time(variants.map((variant) => [this.#bind(variant)]));
  }

  /** The largest difference of `variant`'s results from ORT's, relative to ORT's
   * largest result; NaN if a result is not a number. */
  async compare(variant: KernelVariant): Promise<number> {
    const { type, outputs, results } = this.#operation;
    const width = type === "float32" ? 4 : 2;
    const worst = this.#createBuffer(8);
    const { COPY_DST, MAP_READ } = GPUBufferUsage;
    const readback = this.#createBuffer(8, COPY_DST | MAP_READ);
    const pairs = outputs.map((output, i) => {
      const size = Math.floor((at(results, i) * width) / 4) * 4;
      const kernel = { ...output, size };
      return { kernel, ort: this.#createBuffer(kernel.size) };
    });
    const comparisons = pairs.map(({ kernel, ort }) =>
      maxDifference(this.#device, type, [{ buffer: ort }, kernel], {
        buffer: worst,
      }),
    );
    this.#submit((encoder) => {
      encodePass(encoder, this.#commands);
      for (const { kernel, ort } of pairs) {
        const { buffer, offset, size } = kernel;
        encoder.copyBufferToBuffer(buffer, offset, ort, 0, size);
        // Results that our kernel leaves out must not equal ORT's.
        encoder.clearBuffer(buffer, offset, size);
      }
      encodePass(encoder, [this.#bind(variant), ...comparisons]);
      encoder.copyBufferToBuffer(worst, 0, readback, 0, 8);
    });
    await readback.mapAsync(GPUMapMode.READ);
    const values = new Float32Array(readback.getMappedRange());
    const [difference, largest] = [at(values, 0), at(values, 1)];
    return largest > 0 ? difference / largest : NaN;
  }

  #time(works: readonly (readonly Dispatch[])[]): Promise<number[]> {
    return benchmark(
      this.#device,
      works.map((dispatches) => (pass) => {
        encodeCommands(pass, dispatches);
      }),
    );
  }

  #bind(variant: KernelVariant): Dispatch {
    return bindOperation(this.#device, this.#operation, variant, this.#uniform);
  }

  #createBuffer(
    size: number,
    usage = GPUBufferUsage.STORAGE |
      GPUBufferUsage.COPY_SRC |
      GPUBufferUsage.COPY_DST,
  ): GPUBuffer {
    const buffer = this.#device.createBuffer({ label: "trial", size, usage });
    this.#buffers.push(buffer);
    return buffer;
  }

  #submit(encode: (encoder: GPUCommandEncoder) => void): void {
    const encoder = this.#device.createCommandEncoder({ label: "trial" });
    encode(encoder);
    this.#device.queue.submit([encoder.finish()]);
  }
}

function encodePass(
  encoder: GPUCommandEncoder,
  dispatches: readonly Dispatch[],
): void {
  const pass = encoder.beginComputePass({ label: "trial" });
  encodeCommands(pass, dispatches);
  pass.end();
}

/** Our kernel on ORT's buffers. */
export function bindOperation(
  device: GPUDevice,
  { ranges, outputs }: Operation,
  { kernel, workgroups }: KernelVariant,
  uniform: GPUBuffer,
): Dispatch {
  const all = [...ranges, { buffer: uniform }, ...outputs.slice(1)];
  return prepare(device, kernel, all, workgroups);
}
