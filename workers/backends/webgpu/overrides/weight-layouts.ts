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
import { at, defined } from "../../../util/assert";
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

/** The weights of recorded graphs. Graphs bind the same buffers, whether or not the
 * weights are on the GPU: a recording does not read them. */
export interface WeightBuffers {
  readonly layouts: WeightLayoutCache;
  has(buffer: GPUBuffer): boolean;
  /** A buffer with the weight, which is uploaded again if it was freed. */
  contents(weight: GPUBuffer): Promise<GPUBuffer>;
  /** The same, and `free` does not apply to this weight any more. */
  keep(weight: GPUBuffer): Promise<GPUBuffer>;
  /** Frees the GPU memory of a weight. */
  free(weight: GPUBuffer): void;
}

/** Bytes of the layouts that are computed at the same time, while the weights are
 * on the GPU, too. */
const MAX_BATCH_BYTES = 32 * 2 ** 20;

/**
 * A recorded graph transposes its weights on every run, because they are inputs
 * of the graph. This computes each transpose once for all graphs, binds its readers
 * to the result and drops the command. Weights that nothing else reads are freed. If
 * there is no GPU memory for the results, the other commands stay as they are.
 */
export async function cacheWeightLayouts(
  device: GPUDevice,
  commands: readonly Command[],
  weights: WeightBuffers,
): Promise<readonly RecordedStep[]> {
  const steps = commands.map(stepOf);
  const transposes = findTransposes(steps, weights);
  const transposing = new Set(transposes.map(({ index }) => index));
  const readOtherwise = new Set(
    steps.flatMap((step, i) =>
      transposing.has(i) ? [] : weightsOf(step, weights),
    ),
  );
  const done: Transpose[] = [];
  for (const batch of inBatches(transposes)) {
    if (!(await compute(device, batch, weights))) break;
    done.push(...batch);
    for (const { weight } of batch) {
      if (!readOtherwise.has(weight)) weights.free(weight);
    }
  }
  for (const { readers, output, weight, layout } of done) {
    const buffer = defined(weights.layouts.find(weight, layout), layout);
    for (const reader of readers) {
      const { command } = at(steps, reader);
      steps[reader] = stepOf(rebind(command, output, buffer));
    }
  }
  const dropped = new Set(done.map(({ index }) => index));
  const rest = steps.filter((_, i) => !dropped.has(i));
  const readable: RecordedStep[] = [];
  for (const step of rest) readable.push(await withContents(step, weights));
  return readable;
}

/** A recorded command that transposes a weight. */
interface Transpose {
  readonly index: number;
  readonly command: Command;
  readonly weight: GPUBuffer;
  readonly layout: string;
  readonly output: BufferRange;
  readonly readers: readonly number[];
}

function findTransposes(
  steps: readonly RecordedStep[],
  weights: WeightBuffers,
): Transpose[] {
  const found: Transpose[] = [];
  for (const [index, { command, program }] of steps.entries()) {
    const transpose = program && transposeOf(program, weights);
    if (transpose === undefined) continue;
    const { input, output } = transpose;
    const { complete, readers } = lifetimeOf(steps, index, output);
    const layout = layoutOf(command, input, output);
    if (!complete || layout === undefined) continue;
    const weight = input.buffer;
    found.push({ index, command, weight, layout, output, readers });
  }
  return found;
}

function* inBatches(transposes: readonly Transpose[]): Generator<Transpose[]> {
  let batch: Transpose[] = [];
  let bytes = 0;
  for (const transpose of transposes) {
    const { size } = transpose.weight;
    if (batch.length > 0 && bytes + size > MAX_BATCH_BYTES) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(transpose);
    bytes += size;
  }
  if (batch.length > 0) yield batch;
}

/** Computes the layouts that do not exist yet. Resolves with false, and adds none,
 * if that fails. */
async function compute(
  device: GPUDevice,
  batch: readonly Transpose[],
  weights: WeightBuffers,
): Promise<boolean> {
  const { layouts } = weights;
  const missing = new Map<string, Transpose>();
  for (const transpose of batch) {
    const { weight, layout } = transpose;
    if (layouts.find(weight, layout) !== undefined) continue;
    missing.set(`${weight.label}\n${layout}`, transpose);
  }
  if (missing.size === 0) return true;
  const added: WeightLayout[] = [];
  const discard = (): void => {
    for (const { buffer } of added) buffer.destroy();
  };
  const { error } = await withErrorScopesAsync(device, async () => {
    const commands: Command[] = [];
    for (const { command, weight, layout, output } of missing.values()) {
      const contents = await weights.contents(weight);
      const buffer = createWeightBuffer(device, weight);
      added.push({ weight, layout, buffer });
      const onContents = rebind(command, wholeOf(weight), contents);
      commands.push(rebind(onContents, output, buffer));
    }
    await execute(device, commands);
    await device.queue.onSubmittedWorkDone();
  }).catch((error: unknown) => {
    discard();
    throw error;
  });
  if (error !== undefined) {
    discard();
    return false;
  }
  for (const layout of added) layouts.add(layout);
  return true;
}

/** Keeps the weights that a step reads, and binds it to those that were freed
 * before. */
async function withContents(
  step: RecordedStep,
  weights: WeightBuffers,
): Promise<RecordedStep> {
  let { command } = step;
  for (const weight of weightsOf(step, weights)) {
    const contents = await weights.keep(weight);
    if (contents === weight) continue;
    command = rebind(command, wholeOf(weight), contents);
  }
  return command === step.command ? step : stepOf(command);
}

function weightsOf(
  { command }: RecordedStep,
  weights: WeightBuffers,
): GPUBuffer[] {
  const buffers = command.bindings.map((entry) => rangeOf(entry).buffer);
  return [...new Set(buffers)].filter((buffer) => weights.has(buffer));
}

function wholeOf(buffer: GPUBuffer): BufferRange {
  return { buffer, offset: 0, size: buffer.size };
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

/** In whole vectors of 16 bytes. ORT's buffer for the result may be much larger. */
function createWeightBuffer(
  device: GPUDevice,
  { label, size }: GPUBuffer,
): GPUBuffer {
  return device.createBuffer({
    label: `${label} transposed`,
    size: Math.ceil(size / 16) * 16,
    usage: GPUBufferUsage.STORAGE,
  });
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
  weights: WeightBuffers,
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
    const size = Math.min(range.size, to.size - offset);
    const resource = { buffer: to, offset, size };
    return { binding: entry.binding, resource };
  });
  return { ...command, bindings };
}
