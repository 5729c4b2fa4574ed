import type { Command } from "../../../ort/capture";
import { watched } from "../../../ort/error-scopes";
import type { WeightLayoutCache } from "../weight-layout-cache";
import { lifeOf, type Step } from "./lifetime";
import {
  covers,
  programOf,
  rangeOf,
  type Program,
  type Range,
} from "./program";

/** A weight that lies in `buffer` in another order. */
interface Fold {
  readonly source: GPUBuffer;
  readonly how: string;
  readonly buffer: GPUBuffer;
}

/**
 * A weight that is an input of the graph is brought at each run to the order
 * that a kernel wants. Here that is done once, into a buffer of `folds`, and
 * who reads the copy reads it there. `constants`: buffers that no command
 * writes. Without room for the copies all stays as it is.
 */
export async function foldConstants(
  device: GPUDevice,
  commands: readonly Command[],
  constants: ReadonlySet<GPUBuffer>,
  folds: WeightLayoutCache,
): Promise<readonly Step[]> {
  const steps = commands.map((command): Step => {
    return { command, program: programOf(command) };
  });
  const { made, fault } = watched(device, () =>
    fold(device, steps, constants, folds),
  );
  if ((await fault) !== undefined) {
    for (const { buffer } of made.added) buffer.destroy();
    return steps;
  }
  for (const { source, how, buffer } of made.added) {
    folds.add(source, how, buffer);
  }
  return made.steps;
}

function fold(
  device: GPUDevice,
  all: readonly Step[],
  constants: ReadonlySet<GPUBuffer>,
  folds: WeightLayoutCache,
): { readonly steps: readonly Step[]; readonly added: readonly Fold[] } {
  const steps = [...all];
  const added: Fold[] = [];
  const folded = new Set<number>();
  const encoder = device.createCommandEncoder({ label: "fold" });
  const pass = encoder.beginComputePass({ label: "fold" });
  all.forEach(({ command, program }, i) => {
    const found = program && transposed(program, constants);
    if (found === undefined) return;
    const { input, output } = found;
    const life = lifeOf(steps, i, output);
    const how = howOf(command, input, output);
    if (!life.whole || how === undefined) return;
    const source = input.buffer;
    const here = added.find((one) => one.source === source && one.how === how);
    const known = folds.find(source, how) ?? here?.buffer;
    const to = known ?? weightBuffer(device, output.size);
    const move = (at: number): Command => {
      const moved = rebind(device, steps[at]?.command, output, to);
      steps[at] = { command: moved, program: programOf(moved) };
      return moved;
    };
    if (known === undefined) {
      added.push({ source, how, buffer: to });
      const { pipeline, bindGroup, workgroups } = move(i);
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, bindGroup);
      if (!("buffer" in workgroups)) pass.dispatchWorkgroups(...workgroups);
    }
    folded.add(i);
    life.readers.forEach(move);
  });
  pass.end();
  device.queue.submit([encoder.finish()]);
  return { steps: steps.filter((_, i) => !folded.has(i)), added };
}

function weightBuffer(device: GPUDevice, size: number): GPUBuffer {
  const usage = GPUBufferUsage.STORAGE;
  return device.createBuffer({ label: "folded weight", size, usage });
}

/** All that tells what a command makes of its input; undefined if something of
 * it is not known. */
function howOf(
  { shader, uniforms, workgroups }: Command,
  input: Range,
  output: Range,
): string | undefined {
  if ("buffer" in workgroups) return undefined;
  if (uniforms === undefined && shader.code.includes("var<uniform>")) return;
  const sizes = [input.offset, input.size, output.size, ...workgroups];
  return [...sizes, uniforms?.join(" "), shader.code].join("\n");
}

/** Where a constant lies and its transpose, if that is what is made. */
function transposed(
  { label, reads, writes }: Program,
  constants: ReadonlySet<GPUBuffer>,
): { readonly input: Range; readonly output: Range } | undefined {
  const [output, ...otherOutputs] = writes.values();
  const [input, ...otherInputs] = reads.values();
  if (label !== "Transpose" || !input || !output) return undefined;
  const others = otherInputs.length + otherOutputs.length;
  if (others > 0 || !constants.has(input.buffer)) return undefined;
  return { input, output };
}

function rebind(
  device: GPUDevice,
  command: Command | undefined,
  from: Range,
  to: GPUBuffer,
): Command {
  if (command === undefined) throw new Error("There is no such command.");
  const bindings = command.bindings.map((entry) => {
    const range = rangeOf(entry);
    if (!covers(from, range)) return entry;
    const offset = range.offset - from.offset;
    const resource = { buffer: to, offset, size: range.size };
    return { binding: entry.binding, resource };
  });
  const layout = command.pipeline.getBindGroupLayout(0);
  const label = "folded";
  const bindGroup = device.createBindGroup({
    label,
    layout,
    entries: bindings,
  });
  return { ...command, bindings, bindGroup };
}
