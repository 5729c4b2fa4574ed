import { capture, type Bound } from "../../ort/capture";
import { faultOf, type Gpu } from "../../ort/device";
import { watchedAll } from "../../ort/error-scopes";
import type { Dispatch } from "../../ort/recorder";
import type { BoundWeights } from "./gpu-weights";
import { Pace } from "./replay";
import { overrideKernels, type Switch } from "./overrides/override";

/** A graph as commands to be replayed: the runtime's and ours. */
export interface Graph {
  readonly dispatches: readonly Dispatch[];
  readonly switches: readonly Switch[];
  readonly pace: Pace;
  readonly release: () => Promise<void>;
}

/** `inputs`: what it reads besides the weights. */
export async function makeGraph(
  gpu: Gpu,
  model: Uint8Array,
  { tensors, folds }: BoundWeights,
  inputs: Bound,
  outputs: Bound,
): Promise<Graph> {
  const all = { ...inputs, ...tensors };
  const captured = await capture(model, all, outputs, gpu);
  try {
    const { device } = gpu;
    const surroundings = {
      device,
      constants: buffersOf(tensors),
      folds,
      kept: buffersOf({ ...inputs, ...outputs }),
    };
    const tuning = watchedAll(device, () =>
      overrideKernels(captured.commands, surroundings),
    );
    const { made: tuned, fault } = await gpu.guard(tuning);
    if (fault !== undefined) {
      tuned.release();
      throw faultOf(fault);
    }
    const { dispatches, switches } = tuned;
    return {
      ...{ dispatches, switches, pace: new Pace() },
      release: async () => {
        await captured.release();
        tuned.release();
      },
    };
  } catch (error) {
    await captured.release();
    throw error;
  }
}

function buffersOf(bound: Bound): Set<GPUBuffer> {
  return new Set(Object.values(bound).map(({ buffer }) => buffer));
}
