import {
  compileCommands,
  encodeCommands,
  type Command,
} from "../../../ort/command-recorder";
import { withErrorScopesAsync } from "../../../ort/error-scopes";
import {
  covers,
  rangeOf,
  readProgram,
  type BufferRange,
  type ShaderProgram,
} from "./ort-shader";
import { lifetimeOf, type RecordedStep } from "./tensor-lifetime";

/** Transposed weights, each computed once for all graphs. */
export class WeightLayoutCache {
  readonly #buffers = new Map<GPUBuffer, Map<string, GPUBuffer>>();

  find(weight: GPUBuffer, layout: string): GPUBuffer | undefined {
    return this.#buffers.get(weight)?.get(layout);
  }

  add({ weight, layout, buffer }: WeightLayout): void {
    const layouts = this.#buffers.get(weight) ?? new Map<string, GPUBuffer>();
    this.#buffers.set(weight, layouts.set(layout, buffer));
  }

  destroy(): void {
    for (const layouts of this.#buffers.values()) {
      for (const buffer of layouts.values()) buffer.destroy();
    }
    this.#buffers.clear();
  }
}

interface WeightLayout {
  readonly weight: GPUBuffer;
  /** Identifies the computation; see `layoutOf`. */
  readonly layout: string;
  readonly buffer: GPUBuffer;
}

/**
 * A recorded graph transposes its weights on every run, because they are inputs
 * of the graph. This computes each transpose once, into a buffer of `cache`,
 * binds its readers to that buffer and drops the command. If the copies do not
 * fit in GPU memory, the commands stay as they are.
 */
export async function cacheWeightLayouts(
  device: GPUDevice,
  commands: readonly Command[],
  weights: ReadonlySet<GPUBuffer>,
  cache: WeightLayoutCache,
): Promise<readonly RecordedStep[]> {
  const steps = commands.map(stepOf);
  const { result, error } = await withErrorScopesAsync(device, async () => {
    const transposed = transposeOnce(device, steps, weights, cache);
    await execute(device, transposed.commands);
    return transposed;
  });
  if (error !== undefined) {
    for (const { buffer } of result.added) buffer.destroy();
    return steps;
  }
  for (const layout of result.added) cache.add(layout);
  return result.steps;
}

function transposeOnce(
  device: GPUDevice,
  original: readonly RecordedStep[],
  weights: ReadonlySet<GPUBuffer>,
  cache: WeightLayoutCache,
): {
  readonly steps: readonly RecordedStep[];
  readonly added: readonly WeightLayout[];
  /** Compute the added layouts. */
  readonly commands: readonly Command[];
} {
  const steps = [...original];
  const added: WeightLayout[] = [];
  const dropped = new Set<number>();
  const commands: Command[] = [];
  for (const [i, { command, program }] of original.entries()) {
    const transpose = program && transposeOf(program, weights);
    if (transpose === undefined) continue;
    const { input, output } = transpose;
    const { complete, readers } = lifetimeOf(steps, i, output);
    const layout = layoutOf(command, input, output);
    if (!complete || layout === undefined) continue;
    const weight = input.buffer;
    const known =
      cache.find(weight, layout) ??
      added.find((one) => one.weight === weight && one.layout === layout)
        ?.buffer;
    const buffer = known ?? createWeightBuffer(device, output.size);
    if (known === undefined) {
      added.push({ weight, layout, buffer });
      commands.push(rebind(command, output, buffer));
    }
    dropped.add(i);
    for (const reader of readers) {
      const step = steps[reader];
      if (step === undefined) continue;
      steps[reader] = stepOf(rebind(step.command, output, buffer));
    }
  }
  return { steps: steps.filter((_, i) => !dropped.has(i)), added, commands };
}

async function execute(
  device: GPUDevice,
  commands: readonly Command[],
): Promise<void> {
  if (commands.length === 0) return;
  const dispatches = await compileCommands(device, commands);
  const encoder = device.createCommandEncoder({ label: "weight layouts" });
  const pass = encoder.beginComputePass({ label: "weight layouts" });
  encodeCommands(pass, dispatches);
  pass.end();
  device.queue.submit([encoder.finish()]);
}

function stepOf(command: Command): RecordedStep {
  return { command, program: readProgram(command) };
}

function createWeightBuffer(device: GPUDevice, size: number): GPUBuffer {
  const usage = GPUBufferUsage.STORAGE;
  return device.createBuffer({ label: "weight layout", size, usage });
}

/** A key of everything that determines the output; undefined if a part of it is
 * unknown. */
function layoutOf(
  { shader, uniforms, workgroups }: Command,
  input: BufferRange,
  output: BufferRange,
): string | undefined {
  if ("buffer" in workgroups) return undefined;
  if (uniforms === undefined && shader.code.includes("var<uniform>"))
    return undefined;
  const sizes = [input.offset, input.size, output.size, ...workgroups];
  return [...sizes, uniforms?.join(" "), shader.code].join("\n");
}

/** Input and output of ORT's `Transpose` of a weight. */
function transposeOf(
  { label, reads, writes }: ShaderProgram,
  weights: ReadonlySet<GPUBuffer>,
): { readonly input: BufferRange; readonly output: BufferRange } | undefined {
  if (label !== "Transpose" || reads.size !== 1 || writes.size !== 1)
    return undefined;
  const [input] = reads.values();
  const [output] = writes.values();
  if (!input || !output || !weights.has(input.buffer)) return undefined;
  return { input, output };
}

/** The same command with the bindings in `from` moved to the buffer `to`. */
function rebind(command: Command, from: BufferRange, to: GPUBuffer): Command {
  const bindings = command.bindings.map((entry) => {
    const range = rangeOf(entry);
    if (!covers(from, range)) return entry;
    const offset = range.offset - from.offset;
    const resource = { buffer: to, offset, size: range.size };
    return { binding: entry.binding, resource };
  });
  return { ...command, bindings };
}
