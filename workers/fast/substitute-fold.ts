import type { Command } from "../ort/capture";
import { lifeOf, type Step } from "./substitute-life";
import {
  covers,
  programOf,
  rangeOf,
  type Program,
  type Range,
} from "./substitute-program";

/** Copies of weights that were made once. */
export interface Folded {
  readonly steps: readonly Step[];
  readonly made: readonly GPUBuffer[];
}

/**
 * A weight that is an input of the graph is brought at each run to the order
 * that a kernel wants. Here that is done once, into a buffer of ours, and who
 * reads the copy reads it there. `constants`: buffers that no command writes.
 */
export function foldConstants(
  device: GPUDevice,
  commands: readonly Command[],
  constants: ReadonlySet<GPUBuffer>,
): Folded {
  const steps = commands.map((command): Step => {
    return { command, program: programOf(command) };
  });
  const made: GPUBuffer[] = [];
  const folded = new Set<number>();
  const encoder = device.createCommandEncoder({ label: "fold" });
  const pass = encoder.beginComputePass({ label: "fold" });
  steps.forEach(({ program }, i) => {
    const output = program && transposed(program, constants);
    if (output === undefined) return;
    const life = lifeOf(steps, i, output);
    if (!life.whole) return;
    const to = device.createBuffer({
      label: "folded weight",
      size: output.size,
      usage: GPUBufferUsage.STORAGE,
    });
    made.push(to);
    folded.add(i);
    const move = (at: number): Command => {
      const moved = rebind(device, steps[at]?.command, output, to);
      steps[at] = { command: moved, program: programOf(moved) };
      return moved;
    };
    const { pipeline, bindGroup, workgroups } = move(i);
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, bindGroup);
    if (!("buffer" in workgroups)) pass.dispatchWorkgroups(...workgroups);
    life.readers.forEach(move);
  });
  pass.end();
  device.queue.submit([encoder.finish()]);
  return { steps: steps.filter((_, i) => !folded.has(i)), made };
}

/** Where a transposed constant lies, if that is what the program makes. */
function transposed(
  { label, reads, writes }: Program,
  constants: ReadonlySet<GPUBuffer>,
): Range | undefined {
  const [output, ...others] = writes.values();
  const ranges = [...reads.values()];
  const constant = ranges.every(({ buffer }) => constants.has(buffer));
  if (label !== "Transpose" || ranges.length !== 1 || !constant) return;
  return others.length === 0 ? output : undefined;
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
