import { differenceOf, noiseInto } from "../kernels/difference";
import { prepare, upload, type Dispatch } from "../kernels/kernel";
import type { Stored } from "../kernels/stored";
import { trial } from "../kernels/trial";
import type { Variant } from "../kernels/variant";
import { encodeCommands, type Command } from "../ort/capture";
import type { Range } from "./substitute-program";
import type { Operation } from "./substitute-recognise";

/** What a trial found for one kind of work. */
export interface Choice {
  /** Ours where it is right and quicker. */
  readonly by: "ours" | "theirs";
  /** Milliseconds: the runtime's, and the quickest of ours. */
  readonly theirs: number;
  readonly ours: number;
  /** The quickest of ours. */
  readonly kernel: string;
  /** Why there is none, or what is wrong with it. */
  readonly fault?: string;
}

/** Sums of thousands in another order; halves are summed as such by the
 * runtime, and not by us. Of the largest number in the result. */
const TOLERANCE: Readonly<Record<Stored, number>> = {
  float32: 1e-4,
  float16: 3e-2,
};

/** What is known of a device. */
interface Experience {
  readonly choices: Map<string, Promise<Choice>>;
  /** Families of kernels that were far behind, and need no other trial. */
  readonly beaten: Set<string>;
}

const experiences = new WeakMap<GPUDevice, Experience>();

/** Where one thing is this much slower, it will not be quicker elsewhere. */
const FAR = 4;

/**
 * Tries `operation` on this adapter against the runtime's `commands`, on noise
 * in their own buffers, whose contents come back: it must give the same and be
 * quicker. Once for each kind and shape on a device.
 */
export function choose(
  device: GPUDevice,
  operation: Operation,
  commands: readonly Command[],
): Promise<Choice> {
  let experience = experiences.get(device);
  if (experience === undefined) {
    experience = { choices: new Map(), beaten: new Set() };
    experiences.set(device, experience);
  }
  const { choices, beaten } = experience;
  const labels = commands.map(({ shader }) => shader.label);
  const key = [...labels, operation.kind].join(" ");
  let choice = choices.get(key);
  if (choice === undefined) {
    choice = tryOn(device, operation, commands, beaten);
    choices.set(key, choice);
    // A trial that failed says nothing of the next.
    choice.catch(() => choices.delete(key));
  }
  return choice;
}

async function tryOn(
  device: GPUDevice,
  operation: Operation,
  commands: readonly Command[],
  beaten: Set<string>,
): Promise<Choice> {
  const none = { by: "theirs", theirs: NaN, ours: NaN, kernel: "" } as const;
  const variants = operation
    .variants(device.limits)
    .filter(({ family }) => !beaten.has(family));
  if (variants.length === 0) return { ...none, fault: "no kernel fits" };
  const { varied, given = [], output } = operation;
  const touched = [...varied, ...given.map(({ range }) => range), output];
  if (!touched.every(({ buffer }) => isCopyable(buffer))) {
    return { ...none, fault: "its buffers cannot be copied" };
  }
  const bench = new Bench(device, operation, commands);
  for (const filter of SCOPES) device.pushErrorScope(filter);
  let choice: Choice | undefined;
  try {
    choice = await bench.choose(variants, beaten);
  } finally {
    bench.dispose();
    const errors = await Promise.all(SCOPES.map(() => device.popErrorScope()));
    const error = errors.find((one) => one !== null);
    if (error) choice = { ...none, fault: error.message };
  }
  return choice;
}

const SCOPES = ["validation", "out-of-memory", "internal"] as const;

function isCopyable({ usage }: GPUBuffer): boolean {
  const needed = GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
  return (usage & needed) === needed;
}

/** The buffers of one trial. */
class Bench {
  readonly #device: GPUDevice;
  readonly #operation: Operation;
  readonly #commands: readonly Command[];
  readonly #size: GPUBuffer;
  /** Where noise goes, and what was there. */
  readonly #saved: readonly {
    readonly range: Range;
    readonly copy: GPUBuffer;
  }[];
  readonly #buffers: GPUBuffer[] = [];

  constructor(
    device: GPUDevice,
    operation: Operation,
    commands: readonly Command[],
  ) {
    this.#device = device;
    this.#operation = operation;
    this.#commands = commands;
    this.#size = upload(device, "size", operation.size, GPUBufferUsage.UNIFORM);
    this.#buffers.push(this.#size);
    const given = operation.given ?? [];
    const changed = [...operation.varied, ...given.map(({ range }) => range)];
    this.#saved = changed.map((range) => {
      return { range, copy: this.#make(range.size) };
    });
  }

  async choose(
    variants: readonly Variant[],
    beaten: Set<string>,
  ): Promise<Choice> {
    this.#submit((encoder) => {
      for (const { range, copy } of this.#saved) {
        const { buffer, offset, size } = range;
        encoder.copyBufferToBuffer(buffer, offset, copy, 0, size);
      }
    });
    const { type, varied, given = [] } = this.#operation;
    for (const { range, words } of given) {
      const { buffer, offset } = range;
      const data = Uint32Array.from(words);
      this.#device.queue.writeBuffer(buffer, offset, data);
    }
    this.#submit((encoder) => {
      const noise = varied.map((range) => noiseInto(this.#device, type, range));
      inPass(encoder, noise);
    });
    try {
      const dispatches = variants.map((variant) =>
        bindOperation(this.#device, this.#operation, variant, this.#size),
      );
      const works = [this.#commands, ...dispatches.map((one) => [one])].map(
        (list) => (pass: GPUComputePassEncoder) => {
          encodeCommands(pass, list);
        },
      );
      const [theirs = NaN, ...times] = await trial(this.#device, works);
      const ours = Math.min(...times);
      learn(variants, times, beaten);
      const best = times.indexOf(ours);
      const [variant, dispatch] = [variants[best], dispatches[best]];
      if (variant === undefined || dispatch === undefined) {
        throw new Error("The trial gave no times.");
      }
      const kernel = variant.kernel.label;
      if (ours >= theirs) return { by: "theirs", theirs, ours, kernel };
      const off = await this.#difference(dispatch);
      if (off <= TOLERANCE[this.#operation.type]) {
        return { by: "ours", theirs, ours, kernel };
      }
      const fault = `${off} off the runtime's`;
      return { by: "theirs", theirs, ours, kernel, fault };
    } finally {
      this.#submit((encoder) => {
        for (const { range, copy } of this.#saved) {
          const { buffer, offset, size } = range;
          encoder.copyBufferToBuffer(copy, 0, buffer, offset, size);
        }
      });
    }
  }

  /** Of our result from the runtime's, in parts of its largest number. */
  async #difference(ours: Dispatch): Promise<number> {
    const { type, output, results } = this.#operation;
    const bytes = results * (type === "float32" ? 4 : 2);
    const result = { ...output, size: Math.floor(bytes / 4) * 4 };
    const theirs = this.#make(result.size);
    const worst = this.#make(8);
    const { COPY_DST, MAP_READ } = GPUBufferUsage;
    const back = this.#make(8, COPY_DST | MAP_READ);
    const pair = [{ buffer: theirs }, result] as const;
    const compare = differenceOf(this.#device, type, pair, { buffer: worst });
    const { buffer, offset, size } = result;
    this.#submit((encoder) => {
      inPass(encoder, this.#commands);
      encoder.copyBufferToBuffer(buffer, offset, theirs, 0, size);
      // What ours leaves out must not look like theirs.
      encoder.clearBuffer(buffer, offset, size);
      inPass(encoder, [ours, compare]);
      encoder.copyBufferToBuffer(worst, 0, back, 0, 8);
    });
    await back.mapAsync(GPUMapMode.READ);
    const [off = NaN, largest = NaN] = new Float32Array(back.getMappedRange());
    return largest > 0 ? off / largest : NaN;
  }

  dispose(): void {
    for (const buffer of this.#buffers) buffer.destroy();
  }

  #make(
    size: number,
    usage = GPUBufferUsage.STORAGE |
      GPUBufferUsage.COPY_SRC |
      GPUBufferUsage.COPY_DST,
  ): GPUBuffer {
    const label = "trial";
    const buffer = this.#device.createBuffer({ label, size, usage });
    this.#buffers.push(buffer);
    return buffer;
  }

  #submit(encode: (encoder: GPUCommandEncoder) => void): void {
    const encoder = this.#device.createCommandEncoder({ label: "trial" });
    encode(encoder);
    this.#device.queue.submit([encoder.finish()]);
  }
}

function learn(
  variants: readonly Variant[],
  times: readonly number[],
  beaten: Set<string>,
): void {
  const best = new Map<string, number>();
  variants.forEach(({ family }, i) => {
    const least = Math.min(best.get(family) ?? Infinity, times[i] ?? Infinity);
    best.set(family, least);
  });
  for (const [family, time] of best) {
    if (time > FAR * Math.min(...times)) beaten.add(family);
  }
}

type Dispatches = Parameters<typeof encodeCommands>[1];

function inPass(encoder: GPUCommandEncoder, dispatches: Dispatches): void {
  const pass = encoder.beginComputePass({ label: "trial" });
  encodeCommands(pass, dispatches);
  pass.end();
}

/** Our kernel on the runtime's buffers. */
export function bindOperation(
  device: GPUDevice,
  { ranges }: Operation,
  { kernel, workgroups }: Variant,
  size: GPUBuffer,
): Dispatch {
  return prepare(device, kernel, [...ranges, { buffer: size }], workgroups);
}
