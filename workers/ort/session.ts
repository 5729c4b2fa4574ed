import type * as Ort from "onnxruntime-web";
import type { OnnxGraph } from "../onnx/onnx-reader";
import type { ValueInfo } from "../onnx/onnx-protos";
import { writeSkeleton } from "../onnx/skeleton";
import { baseName, openWeightFiles } from "../onnx/external-data";
import type { Gpu } from "./device";
import { externalData } from "./blob-bytes";
import { watchPeak } from "./memory-use";
import { fromOrtTensor, toOrtTensor } from "./ort-tensor";
import { loadOrt, ortMutex } from "./runtime";
import { explainRunError, explainSessionError } from "./session-errors";
import type { Tensor } from "./tensor-data";

type InferenceSession = Ort.InferenceSession;

/** An ORT session of one graph. Runs of all sessions are queued. */
export class OrtSession {
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  readonly #file: string;
  readonly #ort: typeof Ort;
  readonly #session: InferenceSession;
  readonly #gpu: Gpu | undefined;

  /** `file`: of the graph, for errors. */
  constructor(
    file: string,
    ort: typeof Ort,
    session: InferenceSession,
    gpu: Gpu | undefined,
  ) {
    this.#file = file;
    this.#ort = ort;
    this.#session = session;
    this.#gpu = gpu;
    this.inputs = describe(session.inputMetadata);
    this.outputs = describe(session.outputMetadata);
  }

  /** Computes the outputs in `names`, by default all. They stay on the GPU if
   * there is one; the caller disposes of them. */
  async run(
    feeds: Record<string, Tensor>,
    names = this.outputs.map(({ name }) => name),
  ): Promise<Outputs> {
    try {
      const results = await ortMutex.run(() => {
        this.#gpu?.check();
        const run = this.#session.run(this.#viewsOf(feeds), names);
        return this.#gpu?.guard(run) ?? run;
      });
      return new Outputs(results);
    } catch (error) {
      throw explainRunError(error, this.#file);
    }
  }

  #viewsOf(feeds: Record<string, Tensor>): Record<string, Ort.Tensor> {
    const views = Object.entries(feeds).map(
      ([name, tensor]) => [name, toOrtTensor(this.#ort, tensor)] as const,
    );
    return Object.fromEntries(views);
  }

  async release(): Promise<void> {
    // The release fails on a lost device, where nothing needs to be freed.
    await ortMutex.run(() => this.#session.release()).catch(() => undefined);
  }
}

/** Results of a run by name. */
export class Outputs {
  readonly #tensors: ReadonlyMap<string, Tensor>;

  constructor(results: Readonly<Record<string, Ort.Tensor>>) {
    const tensors = Object.entries(results).map(
      ([name, tensor]) => [name, fromOrtTensor(tensor)] as const,
    );
    this.#tensors = new Map(tensors);
  }

  get(name: string): Tensor {
    const tensor = this.#tensors.get(name);
    if (tensor === undefined)
      throw new Error(`The graph has no output ${name}`);
    return tensor;
  }
}

/** Hides warnings about nodes that are assigned to the CPU on purpose. */
const ERRORS_ONLY = 3;

/**
 * Creates a session of `graph` on `gpu`, or on the CPU if it is undefined.
 * Weights are read from their files one at a time: at most the largest one is in
 * memory twice. `external`: files with external data, by the names in the graph.
 * `edit` may change the graph's file, in which only small weights are.
 */
export async function createSession(
  graph: OnnxGraph,
  external: ReadonlyMap<string, Blob>,
  gpu: Gpu | undefined,
  edit: (file: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer> = (same) =>
    same,
): Promise<OrtSession> {
  const { file } = graph;
  const ort = await loadOrt();
  const files = openWeightFiles(graph, external);
  const skeleton = edit(await writeSkeleton(graph, baseName(file)));
  return ortMutex.run(async () => {
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
      return new OrtSession(file, ort, session, gpu);
    } catch (error) {
      throw await explainSessionError(error, graph, files, gpu);
    } finally {
      const detail = peakSinceStart();
      performance.measure(`session ${file}`, { start, detail });
    }
  });
}

function optionsFor(gpu: Gpu | undefined): Ort.InferenceSession.SessionOptions {
  if (gpu === undefined) {
    return { executionProviders: ["wasm"], logSeverityLevel: ERRORS_ONLY };
  }
  const { device } = gpu;
  return {
    executionProviders: [
      { name: "webgpu", device, validationMode: "disabled" },
    ],
    preferredOutputLocation: "gpu-buffer",
    logSeverityLevel: ERRORS_ONLY,
  };
}

/** WebGPU reports that memory is full after the upload, if at all. */
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
  values: readonly Ort.InferenceSession.ValueMetadata[],
): ValueInfo[] {
  return values.map((value) =>
    value.isTensor
      ? { name: value.name, type: value.type, shape: value.shape }
      : { name: value.name, type: "not a tensor", shape: [] },
  );
}
