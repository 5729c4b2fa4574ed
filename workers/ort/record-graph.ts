import type * as Ort from "onnxruntime-web";
import type { InferenceSession } from "onnxruntime-web";
import { VlmError } from "../../src/shared/errors";
import type { Gpu } from "./device";
import { record, type Command, type Recording } from "./command-recorder";
import { loadOrt, ortMutex } from "./runtime";

/**
 * The version that the assumptions below are tested with. Another version may
 * encode graphs differently and silently compute wrong numbers: before changing
 * this, run record-graph.gpu.test.ts with the new version.
 */
export const ORT_VERSION = "1.30.0";

/** A tensor at the start of a buffer. */
export interface GpuTensor {
  readonly buffer: GPUBuffer;
  /** ONNX Runtime's name of the type. */
  readonly type: string;
  readonly dims: readonly number[];
}

/** Inputs or outputs of a graph by name. */
export type BoundTensors = Readonly<Record<string, GpuTensor>>;

/** The commands that compute a graph. */
export interface RecordedGraph {
  readonly commands: readonly Command[];
  readonly release: () => Promise<void>;
}

/**
 * Records the commands by which ONNX Runtime computes `model` from the buffers
 * of `inputs` into those of `outputs`. A session with graph capture encodes the
 * commands twice in its first run: once directly and once as a replay. Both are
 * recorded and neither is executed, so their pipelines are compiled only by
 * `compileCommands`. ORT keeps these pipelines for the device: no other session
 * may run on it afterwards. The session owns the intermediate buffers,
 * so it lives as long as the commands, and is never run again.
 */
export async function recordGraph(
  model: Uint8Array,
  inputs: BoundTensors,
  outputs: BoundTensors,
  gpu: Gpu,
): Promise<RecordedGraph> {
  const ort = await loadOrt();
  const version = ort.env.versions.web;
  if (version !== ORT_VERSION) {
    throw notRecorded(
      `ONNX Runtime has version ${version}, not ${ORT_VERSION}`,
    );
  }
  return ortMutex.run(async () => {
    let session: InferenceSession | undefined;
    try {
      gpu.check();
      const creation = ort.InferenceSession.create(model, optionsFor(gpu));
      const created = await gpu.guard(creation);
      session = created;
      const recording = await record(gpu.device, () =>
        gpu.guard(created.run(tensors(ort, inputs), tensors(ort, outputs))),
      );
      await gpu.guard(gpu.device.queue.onSubmittedWorkDone());
      gpu.check();
      const commands = replayOf(recording);
      const release = () => ortMutex.run(() => releaseOf(created, gpu));
      return { commands, release };
    } catch (error) {
      const cause = await gpu.explain(error);
      if (session !== undefined) await releaseOf(session, gpu);
      await gpu.forgetErrors();
      throw cause;
    }
  });
}

/**
 * Releasing a session that has captured a graph on a lost device damages the
 * heap of ORT 1.30, and the next session fails. The leak is small: the weights
 * are inputs.
 */
async function releaseOf(session: InferenceSession, gpu: Gpu): Promise<void> {
  if (!gpu.isLost) await session.release().catch(() => undefined);
}

function tensors(
  { Tensor }: typeof Ort,
  bound: BoundTensors,
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

/** The second half of the recording, if it repeats the first. */
function replayOf({ commands, copies }: Recording): Command[] {
  const half = commands.length / 2;
  const replay = commands.slice(half);
  if (copies > 0) throw notRecorded("ONNX Runtime copies between buffers");
  if (half === 0 || !replay.every((one, i) => same(one, commands[i]))) {
    throw notRecorded("ONNX Runtime encoded its replay differently");
  }
  return replay;
}

function same(a: Command, b: Command | undefined): boolean {
  if (a.pipeline !== b?.pipeline) return false;
  const [one, other] = [a.workgroups, b.workgroups];
  if ("buffer" in one) return "buffer" in other && one.buffer === other.buffer;
  return !("buffer" in other) && one.every((size, i) => size === other[i]);
}

function notRecorded(why: string): VlmError {
  return new VlmError(
    "unsupported",
    `The WebGPU backend cannot run this graph (${why}).`,
    "Set backend to ort.",
  );
}
