import { upload } from "../../../kernels/kernel";
import type { Command, Dispatch } from "../../../ort/command-recorder";
import { findOperations } from "./find-operations";
import { bindOperation, tryOperation } from "./trial";
import { trialRecordOf, type TrialResult } from "./trial-record";
import { cacheWeightLayouts, type WeightLayoutCache } from "./weight-layouts";

/** The trial of one operation, and how often the graph contains it. */
export interface KernelOverride extends TrialResult {
  readonly operation: string;
  readonly count: number;
}

export interface OverrideResult {
  readonly dispatches: readonly Dispatch[];
  readonly overrides: readonly KernelOverride[];
  /** Frees the buffers of the overrides, but not those of the given commands. */
  release(): void;
}

interface OverrideContext {
  readonly device: GPUDevice;
  /** Buffers that no command writes. */
  readonly weights: ReadonlySet<GPUBuffer>;
  /** Transposed weights, shared with other graphs. */
  readonly layouts: WeightLayoutCache;
  /** Inputs and outputs of the graph: they are used outside the commands. */
  readonly external: ReadonlySet<GPUBuffer>;
}

/**
 * Replaces commands of ORT by kernels of ours, in four steps: find the
 * operations, try our kernels against ORT's commands, record the results, bind
 * the kernels that are correct and faster to ORT's buffers. All other commands
 * stay.
 */
export async function overrideKernels(
  commands: readonly Command[],
  { device, weights, layouts, external }: OverrideContext,
): Promise<OverrideResult> {
  const steps = await cacheWeightLayouts(device, commands, weights, layouts);
  const dispatches: (Dispatch | undefined)[] = steps.map(
    ({ command }) => command,
  );
  const overrides = new Map<string, KernelOverride>();
  const uniforms: GPUBuffer[] = [];
  const release = (): void => {
    for (const buffer of uniforms) buffer.destroy();
  };
  try {
    for (const match of findOperations(steps, external)) {
      const { first, count, unneeded, operation } = match;
      const replaced = [
        ...(unneeded === undefined ? [] : steps.slice(unneeded, unneeded + 1)),
        ...steps.slice(first, first + count),
      ].map(({ command }) => command);
      const result = await tryOperation(device, operation, replaced);
      const { name } = operation;
      const seen = overrides.get(name)?.count ?? 0;
      overrides.set(name, { operation: name, count: seen + 1, ...result });
      // The trial may have been for another number of rows.
      const variant = operation
        .variants(device.limits)
        .find(({ kernel }) => kernel.label === result.kernel);
      if (result.faster !== "kernel" || variant === undefined) continue;
      const { UNIFORM } = GPUBufferUsage;
      const uniform = upload(device, "override", operation.uniform, UNIFORM);
      uniforms.push(uniform);
      dispatches.fill(undefined, first, first + count);
      dispatches[first] = bindOperation(device, operation, variant, uniform);
      if (unneeded !== undefined) dispatches[unneeded] = undefined;
    }
    await trialRecordOf(device)?.save();
  } catch (error) {
    release();
    throw error;
  }
  return {
    dispatches: dispatches.filter((dispatch) => dispatch !== undefined),
    overrides: [...overrides.values()],
    release,
  };
}
