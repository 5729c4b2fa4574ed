import { differenceOf, noiseInto } from "../../../kernels/difference";
import { prepare, upload, type Dispatch } from "../../../kernels/kernel";
import { trial } from "../../../kernels/trial";
import type { Variant } from "../../../kernels/variant";
import { encodeCommands, type Command } from "../../../ort/capture";
import type { Operation } from "./operation";
import type { Range } from "./program";

/**
 * The runtime's commands and kernels of ours side by side, on noise in the
 * runtime's own buffers, whose contents come back at the end.
 */
export class Trial {
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

  /** Saves what `begin` writes over. Without room for that nothing is touched:
   * then it is to be dropped. */
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
    this.#submit((encoder) => {
      for (const { range, copy } of this.#saved) {
        const { buffer, offset, size } = range;
        encoder.copyBufferToBuffer(buffer, offset, copy, 0, size);
      }
    });
  }

  begin(): void {
    const { type, varied, given = [] } = this.#operation;
    for (const { range, words } of given) {
      const { buffer, offset } = range;
      const data = Uint32Array.from(words);
      this.#device.queue.writeBuffer(buffer, offset, data);
    }
    const noise = varied.map((range) => noiseInto(this.#device, type, range));
    this.#submit((encoder) => {
      inPass(encoder, noise);
    });
  }

  end(): void {
    this.#submit((encoder) => {
      for (const { range, copy } of this.#saved) {
        const { buffer, offset, size } = range;
        encoder.copyBufferToBuffer(copy, 0, buffer, offset, size);
      }
    });
    this.drop();
  }

  drop(): void {
    for (const buffer of this.#buffers) buffer.destroy();
  }

  /** Milliseconds of the runtime's commands, and of `variants`. */
  async timesBoth(variants: readonly Variant[]): Promise<[number, number[]]> {
    const ours = variants.map((variant) => [this.#bind(variant)]);
    const [theirs = NaN, ...times] = await this.#times([
      this.#commands,
      ...ours,
    ]);
    return [theirs, times];
  }

  times(variants: readonly Variant[]): Promise<number[]> {
    return this.#times(variants.map((variant) => [this.#bind(variant)]));
  }

  #times(works: readonly Dispatches[]): Promise<number[]> {
    return trial(
      this.#device,
      works.map((list) => (pass) => {
        encodeCommands(pass, list);
      }),
    );
  }

  #bind(variant: Variant): Dispatch {
    return bindOperation(this.#device, this.#operation, variant, this.#size);
  }

  /** Of `variant`'s results from the runtime's, in parts of its largest number. */
  async difference(variant: Variant): Promise<number> {
    const { type, outputs, results } = this.#operation;
    const bytes = results * (type === "float32" ? 4 : 2);
    const worst = this.#make(8);
    const { COPY_DST, MAP_READ } = GPUBufferUsage;
    const back = this.#make(8, COPY_DST | MAP_READ);
    const pairs = outputs.map((output) => {
      const result = { ...output, size: Math.floor(bytes / 4) * 4 };
      return { result, theirs: this.#make(result.size) };
    });
    const compare = pairs.map(({ result, theirs }) =>
      differenceOf(this.#device, type, [{ buffer: theirs }, result], {
        buffer: worst,
      }),
    );
    this.#submit((encoder) => {
      inPass(encoder, this.#commands);
      for (const { result, theirs } of pairs) {
        const { buffer, offset, size } = result;
        encoder.copyBufferToBuffer(buffer, offset, theirs, 0, size);
        // What ours leaves out must not look like theirs.
        encoder.clearBuffer(buffer, offset, size);
      }
      inPass(encoder, [this.#bind(variant), ...compare]);
      encoder.copyBufferToBuffer(worst, 0, back, 0, 8);
    });
    await back.mapAsync(GPUMapMode.READ);
    const [off = NaN, largest = NaN] = new Float32Array(back.getMappedRange());
    return largest > 0 ? off / largest : NaN;
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

type Dispatches = Parameters<typeof encodeCommands>[1];

function inPass(encoder: GPUCommandEncoder, dispatches: Dispatches): void {
  const pass = encoder.beginComputePass({ label: "trial" });
  encodeCommands(pass, dispatches);
  pass.end();
}

/** Our kernel on the runtime's buffers. */
export function bindOperation(
  device: GPUDevice,
  { ranges, outputs }: Operation,
  { kernel, workgroups }: Variant,
  size: GPUBuffer,
): Dispatch {
  const all = [...ranges, { buffer: size }, ...outputs.slice(1)];
  return prepare(device, kernel, all, workgroups);
}
