import { upload } from "../../../kernels/kernel";
import type { Command, Dispatch } from "../../../ort/capture";
import type { WeightLayoutCache } from "../weight-layout-cache";
import { choose } from "./choose";
import { findMatches, type Match } from "./find";
import { foldConstants } from "./fold";
import { recordOf, type Choice } from "./choice-record";
import { bindOperation } from "./trial";

/** One shape of work, and who does it. */
export interface Switch extends Choice {
  readonly operation: string;
  /** How often it occurs. */
  readonly count: number;
}

/** A captured list with our kernels where they are right and quicker. */
export interface OverrideResult {
  readonly dispatches: readonly Dispatch[];
  readonly switches: readonly Switch[];
  /** Frees what it added; the commands remain their owner's. */
  release(): void;
}

export interface Surroundings {
  readonly device: GPUDevice;
  /** Weights: no command writes them. */
  readonly constants: ReadonlySet<GPUBuffer>;
  /** What was made of them, for other graphs, too. */
  readonly folds: WeightLayoutCache;
  /** Buffers that others than the commands read: inputs, outputs. */
  readonly kept: ReadonlySet<GPUBuffer>;
}

/**
 * Puts kernels of ours in the place of the runtime's `commands`. What a command
 * computes is read from its own shader, uniforms and buffers; that ours is the
 * same, and quicker, is found by trying both here. All others stay.
 */
export async function overrideKernels(
  commands: readonly Command[],
  { device, constants, folds, kept }: Surroundings,
): Promise<OverrideResult> {
  const steps = await foldConstants(device, commands, constants, folds);
  const buffers: GPUBuffer[] = [];
  const release = (): void => {
    for (const buffer of buffers) buffer.destroy();
  };
  const list: (Dispatch | undefined)[] = steps.map(({ command }) => command);
  const choices: [Match, Choice][] = [];
  try {
    for (const match of findMatches(steps, kept)) {
      const { first, count, spared, operation } = match;
      const own = steps.slice(first, first + count);
      const before =
        spared === undefined ? [] : steps.slice(spared, spared + 1);
      const theirs = [...before, ...own].map(({ command }) => command);
      const choice = await choose(device, operation, theirs);
      choices.push([match, choice]);
      // What was chosen may have been tried for another number of rows.
      const variant = operation
        .variants(device.limits)
        .find(({ kernel }) => kernel.label === choice.kernel);
      if (choice.by !== "ours" || variant === undefined) continue;
      const { UNIFORM } = GPUBufferUsage;
      const size = upload(device, "size", operation.size, UNIFORM);
      buffers.push(size);
      list.fill(undefined, first, first + count);
      list[first] = bindOperation(device, operation, variant, size);
      if (spared !== undefined) list[spared] = undefined;
    }
    await recordOf(device)?.save();
  } catch (error) {
    release();
    throw error;
  }
  return {
    dispatches: list.filter((one) => one !== undefined),
    switches: switchesOf(choices),
    release,
  };
}

function switchesOf(choices: readonly [Match, Choice][]): Switch[] {
  const switches = new Map<string, Switch>();
  for (const [{ operation }, choice] of choices) {
    const { name } = operation;
    const count = (switches.get(name)?.count ?? 0) + 1;
    switches.set(name, { operation: name, count, ...choice });
  }
  return [...switches.values()];
}
