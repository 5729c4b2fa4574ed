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
  { tensors, buffers }: BoundWeights,
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
        weights: buffers,
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

/** Keeps the most recently used graphs and releases the others. */
export class GraphCache<K, G extends Pick<ReplayableGraph, "release">> {
  readonly #limit: number;
  /** The most recently used one last. */
  readonly #graphs = new Map<K, G>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  async get(key: K, record: () => Promise<G>): Promise<G> {
    const graph = this.#graphs.get(key) ?? (await record());
    this.#graphs.delete(key);
    this.#graphs.set(key, graph);
    for (const [oldest, unused] of this.#graphs) {
      if (this.#graphs.size <= this.#limit) break;
      this.#graphs.delete(oldest);
      await unused.release();
    }
    return graph;
  }

  async clear(): Promise<void> {
    const graphs = [...this.#graphs.values()];
    this.#graphs.clear();
    for (const graph of graphs) await graph.release();
  }
}

/** A buffer that graphs can bind, in whole vectors of 16 bytes. */
export function createTensorBuffer(
  { device }: Pick<Gpu, "device">,
  label: string,
  bytes: number,
): GPUBuffer {
  const { STORAGE, COPY_SRC, COPY_DST } = GPUBufferUsage;
  const size = Math.ceil(bytes / 16) * 16;
  const usage = STORAGE | COPY_SRC | COPY_DST;
  return device.createBuffer({ label, size, usage });
}

function buffersOf(tensors: BoundTensors): Set<GPUBuffer> {
  return new Set(Object.values(tensors).map(({ buffer }) => buffer));
}
