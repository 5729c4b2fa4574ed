import type { InferenceSession, Tensor } from "onnxruntime-web";
import { VlmError } from "../../src/shared/errors";
import { outOfMemory, type Gpu } from "./device";
import { loadOrt, ortQueue, runtimeMissing } from "./runtime";

/** Names and shapes as the file declares them; a string is a free dimension. */
export interface ValueInfo {
  readonly name: string;
  readonly type: string;
  readonly shape: readonly (number | string)[];
}

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

  /** Outputs stay on the GPU if there is one; the caller disposes of them. */
  async run(feeds: Record<string, Tensor>): Promise<Outputs> {
    const results = await ortQueue.add(() => {
      this.#gpu?.check();
      const run = this.#session.run(feeds);
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

/** A session from the bytes of `file`; `gpu` undefined: on the processor. */
export async function createSession(
  file: string,
  bytes: Uint8Array,
  gpu: Gpu | undefined,
): Promise<Session> {
  const ort = await loadOrt();
  const options: InferenceSession.SessionOptions =
    gpu === undefined
      ? { executionProviders: ["wasm"], logSeverityLevel: ERRORS }
      : {
          executionProviders: [
            {
              name: "webgpu",
              device: gpu.device,
              validationMode: "disabled",
            },
          ],
          preferredOutputLocation: "gpu-buffer",
          logSeverityLevel: ERRORS,
        };
  try {
    const created = await ortQueue.add(() => {
      const creation = ort.InferenceSession.create(bytes, options);
      return gpu?.guard(creation) ?? creation;
    });
    return new Session(created, gpu);
  } catch (error) {
    gpu?.check();
    throw notCreated(file, error);
  }
}

const MEMORY = /out of memory|bad_alloc|failed to allocate|array buffer alloc/i;

function notCreated(file: string, error: unknown): VlmError {
  if (error instanceof VlmError) return error;
  const message = error instanceof Error ? error.message : String(error);
  // The .wasm file comes with the first session; what the runtime says then.
  if (/no available backend/i.test(message)) return runtimeMissing(error);
  if (MEMORY.test(message)) return outOfMemory(`${file}: ${message}`);
  return new VlmError(
    "model-corrupt",
    `${file} is not a graph that can be run: ${message}`,
    "Download or export the model again; the file may be cut.",
    { cause: error },
  );
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
