import { recordGraph, type BoundTensors } from "../../ort/record-graph";
import type { Dispatch } from "../../ort/command-recorder";
import { gpuErrorToVlmError, type Gpu } from "../../ort/device";
import { withErrorScopesAsync } from "../../ort/error-scopes";
import type { BoundWeights } from "./gpu-weights";
import { Pace } from "./replay";
import {
  overrideKernels,
  type KernelOverride,
} from "./overrides/override-kernels";

/** A graph as a list of dispatches: ORT's, and kernels of ours in place of some
 * of them. */
export interface ReplayableGraph {
  readonly dispatches: readonly Dispatch[];
  readonly overrides: readonly KernelOverride[];
  readonly pace: Pace;
  readonly release: () => Promise<void>;
}

/** Records the commands of `model` and overrides kernels in them. `inputs`:
 * those besides the weights. */
export async function createReplayableGraph(
  gpu: Gpu,
  model: Uint8Array,
  { tensors, layouts }: BoundWeights,
  inputs: BoundTensors,
  outputs: BoundTensors,
): Promise<ReplayableGraph> {
  const { device } = gpu;
  const recorded = await recordGraph(
    model,
    { ...inputs, ...tensors },
    outputs,
    gpu,
  );
  try {
    const overriding = withErrorScopesAsync(device, () =>
      overrideKernels(recorded.commands, {
        device,
        weights: buffersOf(tensors),
        layouts,
        external: buffersOf({ ...inputs, ...outputs }),
      }),
    );
    const { result, error } = await gpu.guard(overriding);
    if (error !== undefined) {
      result.release();
      throw gpuErrorToVlmError(error);
    }
    const { dispatches, overrides } = result;
    return {
      dispatches,
      overrides,
      pace: new Pace(),
      release: async () => {
        await recorded.release();
        result.release();
      },
    };
  } catch (error) {
    await recorded.release();
    throw error;
  }
}

function buffersOf(tensors: BoundTensors): Set<GPUBuffer> {
  return new Set(Object.values(tensors).map(({ buffer }) => buffer));
}
