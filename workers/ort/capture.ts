import type * as Ort from "onnxruntime-web";
import type { InferenceSession } from "onnxruntime-web";
import { VlmError } from "../../src/shared/errors";
import type { Gpu } from "./device";
import {
  record,
  type Command,
  type Dispatch,
  type Recording,
} from "./recorder";
import { loadOrt, ortQueue } from "./runtime";

export type { Command, Dispatch };

/**
 * The runtime whose captures are known to be what is written below. Another
 * may encode them otherwise, and wrong numbers look like any others: before
 * this is changed, capture.gpu.test.ts has to pass with the other.
 */
export const RUNTIME = "1.30.0";

/** The first bytes of a buffer, seen as a tensor. */
export interface GpuTensor {
  readonly buffer: GPUBuffer;
  /** As ONNX Runtime calls it. */
  readonly type: string;
  readonly dims: readonly number[];
}

/** Tensors of a graph by name. */
export type Bound = Readonly<Record<string, GpuTensor>>;

/** A graph as the commands that compute it. */
export interface Captured {
  readonly commands: readonly Command[];
  readonly release: () => Promise<void>;
}

/**
 * The commands by which ONNX Runtime computes `model` from the buffers of
 * `inputs` to those of `outputs`. It runs a session that captures twice, first
 * to learn the commands and then by replaying them; both are recorded and
 * neither is executed. The session owns the buffers between the commands, so
 * it lives as long as they do, and is never run again.
 */
export async function capture(
  model: Uint8Array,
  inputs: Bound,
  outputs: Bound,
  gpu: Gpu,
): Promise<Captured> {
  const ort = await loadOrt();
  const version = ort.env.versions.web;
  if (version !== RUNTIME) {
    throw notCaptured(`ONNX Runtime is ${version}, not ${RUNTIME}`);
  }
  return ortQueue.add(async () => {
    let session: InferenceSession | undefined;
    try {
      gpu.check();
      const creation = ort.InferenceSession.create(model, optionsFor(gpu));
      const made = await gpu.guard(creation);
      session = made;
      const recording = await record(gpu.device, () =>
        gpu.guard(made.run(tensors(ort, inputs), tensors(ort, outputs))),
      );
      await gpu.guard(gpu.device.queue.onSubmittedWorkDone());
      gpu.check();
      const commands = replayOf(recording);
      const release = () => ortQueue.add(() => releaseOf(made, gpu));
      return { commands, release };
    } catch (error) {
      const cause = await gpu.explain(error);
      if (session !== undefined) await releaseOf(session, gpu);
      await gpu.forgetFaults();
      throw cause;
    }
  });
}

/**
 * A session that has captured is not released on a lost device: that damages
 * the runtime's heap (1.30), and the next session fails. What it holds there is
 * small, its weights being inputs.
 */
async function releaseOf(session: InferenceSession, gpu: Gpu): Promise<void> {
  if (!gpu.isLost) await session.release().catch(() => undefined);
}

function tensors(
  { Tensor }: typeof Ort,
  bound: Bound,
): Record<string, Ort.Tensor> {
  const all = Object.entries(bound).map(([name, { buffer, type, dims }]) => {
    const dataType = type as Ort.Tensor.GpuBufferDataTypes;
    return [name, Tensor.fromGpuBuffer(buffer, { dataType, dims })] as const;
  });
  return Object.fromEntries(all);
}

function optionsFor({ device }: Gpu): InferenceSession.SessionOptions {
  return {
    executionProviders: [
      { name: "webgpu", device, validationMode: "disabled" },
    ],
    preferredOutputLocation: "gpu-buffer",
    enableGraphCapture: true,
    logSeverityLevel: 3,
  };
}

/** The second half, if it repeats the first and nothing else was done. */
function replayOf({ commands, copies }: Recording): Command[] {
  const half = commands.length / 2;
  const replay = commands.slice(half);
  if (copies > 0) throw notCaptured("the runtime copies between buffers");
  if (half === 0 || !replay.every((one, i) => same(one, commands[i]))) {
    throw notCaptured("the runtime did not repeat what it encoded");
  }
  return replay;
}

function same(a: Dispatch, b: Dispatch | undefined): boolean {
  if (a.pipeline !== b?.pipeline) return false;
  const [one, other] = [a.workgroups, b.workgroups];
  if ("buffer" in one) return "buffer" in other && one.buffer === other.buffer;
  return !("buffer" in other) && one.every((size, i) => size === other[i]);
}

function notCaptured(why: string): VlmError {
  return new VlmError(
    "unsupported",
    `A graph could not be captured: ${why}.`,
    "Choose the plain path.",
  );
}

/** Adds `commands` to `pass`, in their order. */
export function encodeCommands(
  pass: GPUComputePassEncoder,
  commands: readonly Dispatch[],
): void {
  for (const { pipeline, bindGroup, workgroups } of commands) {
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, bindGroup);
    if ("buffer" in workgroups) {
      const { buffer, offset } = workgroups;
      pass.dispatchWorkgroupsIndirect(buffer, offset);
    } else {
      pass.dispatchWorkgroups(...workgroups);
    }
  }
}
