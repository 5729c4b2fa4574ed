import { compileKernels, upload } from "../../../kernels/kernel";
import type { KernelVariant } from "../../../kernels/kernel-variant";
import {
  compileCommands,
  compilePipelines,
  type Command,
  type Dispatch,
} from "../../../ort/command-recorder";
import { findOperations, type OperationMatch } from "./find-operations";
import type { Operation } from "./operation";
import { bindOperation, isTried, tryOperation } from "./trial";
import type { RecordedStep } from "./tensor-lifetime";
import { trialRecordOf, type TrialResult } from "./trial-record";
import { cacheWeightLayouts, type WeightBuffers } from "./weight-layouts";

/** The trial of one operation, and how often the graph contains it. */
export interface KernelOverride extends TrialResult {
  readonly operation: string;
  readonly count: number;
  readonly multiplyAdds: number;
  /** Bytes that it reads and writes. */
  readonly bytes: number;
}

export interface OverrideResult {
  readonly dispatches: readonly Dispatch[];
  readonly overrides: readonly KernelOverride[];
  /** Frees the buffers of the overrides, but not those of the given commands. */
  release(): void;
}

interface OverrideContext {
  readonly device: GPUDevice;
  readonly weights: WeightBuffers;
  /** Inputs and outputs of the graph: they are used outside the commands. */
  readonly external: ReadonlySet<GPUBuffer>;
}

/** A kernel of ours that replaces commands. */
interface Choice {
  readonly match: OperationMatch;
  readonly variant: KernelVariant;
}

/**
 * Replaces commands of ORT by kernels of ours, in four steps: find the
 * operations, try our kernels against ORT's commands, record the results, bind
 * the kernels that are correct and faster to ORT's buffers. All other commands
 * stay, and only they and those that are tried are compiled.
 */
export async function overrideKernels(
  commands: readonly Command[],
  { device, weights, external }: OverrideContext,
): Promise<OverrideResult> {
  const steps = await cacheWeightLayouts(device, commands, weights);
  const dispatches: (Command | Dispatch | undefined)[] = steps.map(
    ({ command }) => command,
  );
  const overrides = new Map<string, KernelOverride>();
  const uniforms: GPUBuffer[] = [];
  const release = (): void => {
    for (const buffer of uniforms) buffer.destroy();
  };
  try {
    const matches = findOperations(steps, external);
    await compileUntried(device, steps, matches);
    const chosen: Choice[] = [];
    for (const match of matches) {
      const { operation } = match;
      const replaced = commandsOf(steps, match);
      const result = await tryOperation(device, operation, replaced);
      const { name, multiplyAdds } = operation;
      const count = (overrides.get(name)?.count ?? 0) + 1;
      const bytes = bytesOf(operation);
      const work = { operation: name, count, multiplyAdds, bytes };
      overrides.set(name, { ...work, ...result });
      // The trial may have been for another number of rows.
      const variant = operation
        .variants(device.limits)
        .find(({ kernel }) => kernel.label === result.kernel);
      if (result.faster !== "kernel" || variant === undefined) continue;
      chosen.push({ match, variant });
    }
    await trialRecordOf(device)?.save();
    await compileKernels(
      device,
      chosen.map(({ variant }) => variant.kernel),
    );
    for (const { match, variant } of chosen) {
      const { first, count, unneeded, operation } = match;
      const { UNIFORM } = GPUBufferUsage;
      const uniform = upload(device, "override", operation.uniform, UNIFORM);
      uniforms.push(uniform);
      dispatches.fill(undefined, first, first + count);
      dispatches[first] = bindOperation(device, operation, variant, uniform);
      if (unneeded !== undefined) dispatches[unneeded] = undefined;
    }
    const all = dispatches.filter((dispatch) => dispatch !== undefined);
    const compiled = await compileCommands(device, all);
    return {
      dispatches: compiled,
      overrides: [...overrides.values()],
      release,
    };
  } catch (error) {
    release();
    throw error;
  }
}

/** Compiles all commands at the same time, except those whose trial is on record:
 * our kernels have replaced most of them. */
async function compileUntried(
  device: GPUDevice,
  steps: readonly RecordedStep[],
  matches: readonly OperationMatch[],
): Promise<void> {
  const tried = new Set<Command>();
  for (const match of matches) {
    const commands = commandsOf(steps, match);
    if (!(await isTried(device, match.operation, commands))) continue;
    for (const command of commands) tried.add(command);
  }
  const untried = steps
    .map(({ command }) => command)
    .filter((command) => !tried.has(command));
  await compilePipelines(untried);
}

/** Ranges that stand for an input that the operation does not have are the same as
 * another one. */
function bytesOf({ ranges, outputs }: Operation): number {
  const all = new Set([...ranges, ...outputs]);
  return [...all].reduce((sum, { size }) => sum + size, 0);
}

/** The commands that one kernel of ours can replace. */
function commandsOf(
  steps: readonly RecordedStep[],
  { first, count, unneeded }: OperationMatch,
): Command[] {
  return [
    ...(unneeded === undefined ? [] : steps.slice(unneeded, unneeded + 1)),
    ...steps.slice(first, first + count),
  ].map(({ command }) => command);
}
