import type { InferenceSession, Tensor } from "onnxruntime-web";
import type { OnnxGraph } from "../onnx/onnx-reader";
import type { ValueInfo } from "../onnx/onnx-protos";
import { writeSkeleton } from "../onnx/skeleton";
import { baseName, openWeightFiles } from "../onnx/external-data";
import type { Gpu } from "./device";
import { externalData } from "./external-data";
import { watchPeak } from "./memory-use";
import { loadOrt, ortQueue } from "./runtime";
import { explain } from "./session-errors";

export type { ValueInfo };

/** One graph, on one device. Its runs wait their turn with all the others. */
export class Session {
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  readonly #session: InferenceSession;
  readonly #gpu: Gpu | undefined;

  constructor(session: InferenceSession, gpu: Gpu | undefined) {
    this.#session = session;
    this.#gpu = gpu;
    this.inputs = describe(session.inputMetadata);
    this.outputs = describe(session.outputMetadata);
  }

  /** Outputs stay on the GPU if there is one; the caller disposes of them. A
   * graph may have more of them than those it is asked for by `names`. */
  async run(
    feeds: Record<string, Tensor>,
    names = this.outputs.map(({ name }) => name),
  ): Promise<Outputs> {
    const results = await ortQueue.add(() => {
      this.#gpu?.check();
      const run = this.#session.run(feeds, names);
      return this.#gpu?.guard(run) ?? run;
    });
    return new Outputs(results);
  }

  async release(): Promise<void> {
    // Nothing can be freed of a lost device, and nothing need be.
    await ortQueue.add(() => this.#session.release()).catch(() => undefined);
  }
}

/** Named results of a run. */
export class Outputs {
  readonly #tensors: Readonly<Record<string, Tensor>>;

  constructor(tensors: Readonly<Record<string, Tensor>>) {
    this.#tensors = tensors;
  }

  get(name: string): Tensor {
    const tensor = this.#tensors[name];
    if (tensor === undefined) throw new Error(`The graph gave no ${name}`);
    return tensor;
  }
}

/** Warnings tell of nodes that belong on the processor, which is as meant. */
const ERRORS = 3;

/**
 * A session of `graph`; `gpu` undefined: on the processor. Its weights go from
 * the file to where they are needed one after another: at most the largest of
 * them is held a second time. `external`: the files that hold weights beside
 * the graph's own, by the names the graph gives them.
 */
export async function createSession(
  graph: OnnxGraph,
  external: ReadonlyMap<string, Blob>,
  gpu: Gpu | undefined,
): Promise<Session> {
  const { file } = graph;
  const ort = await loadOrt();
  const files = openWeightFiles(graph, external);
  const skeleton = await writeSkeleton(graph, baseName(file));
  return ortQueue.add(async () => {
    const start = performance.now();
    const peakSinceStart = watchPeak(gpu);
    try {
      gpu?.check();
      const mounted = [...files].map(async ([path, blob]) => ({
        path,
        data: await externalData(blob),
      }));
      const options = {
        ...optionsFor(gpu),
        externalData: await Promise.all(mounted),
      };
      const creation = ort.InferenceSession.create(skeleton, options);
      const session = await (gpu?.guard(creation) ?? creation);
      await checkUpload(session, gpu);
      return new Session(session, gpu);
    } catch (error) {
      throw await explain(error, graph, files, gpu);
    } finally {
      const detail = peakSinceStart();
      performance.measure(`session ${file}`, { start, detail });
    }
  });
}

function optionsFor(gpu: Gpu | undefined): InferenceSession.SessionOptions {
  if (gpu === undefined) {
    return { executionProviders: ["wasm"], logSeverityLevel: ERRORS };
  }
  const { device } = gpu;
  return {
    executionProviders: [
      { name: "webgpu", device, validationMode: "disabled" },
    ],
    preferredOutputLocation: "gpu-buffer",
    logSeverityLevel: ERRORS,
  };
}

/** A GPU tells that its memory is full after the fact, if not at all. */
async function checkUpload(
  session: InferenceSession,
  gpu: Gpu | undefined,
): Promise<void> {
  try {
    await gpu?.guard(gpu.device.queue.onSubmittedWorkDone());
    gpu?.check();
  } catch (error) {
    await session.release().catch(() => undefined);
    throw error;
  }
}

function describe(
  values: readonly InferenceSession.ValueMetadata[],
): ValueInfo[] {
  return values.map((value) =>
    value.isTensor
      ? { name: value.name, type: value.type, shape: value.shape }
      : { name: value.name, type: "not a tensor", shape: [] },
  );
}
