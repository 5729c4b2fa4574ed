import type { Graph } from "../../src/shared/models";
import type { Backend, BackendPlan, OnStep } from "../backends/backend";
import { openOrtBackend, type OrtBackend } from "../backends/ort/open";
import { planWasmBackend } from "../backends/wasm/open";
import { planWebGpuBackend } from "../backends/webgpu/open";
import { trialRecordOf } from "../backends/webgpu/overrides/trial-record";
import { reopenGpu } from "../ort/adapter";
import { checkOnce } from "../ort/check-cache";
import { Tensors } from "../ort/tensor";
import { loadAborted } from "../store/errors";
import type { LoadJob, LoadPlan } from "./load-plan";
import { LoadedModel } from "./loaded-model";
import { type OwnBackend, type Rejection, rejectionFor } from "./rejection";
import {
  answerTestImage,
  testImageSize,
  verify,
  verifyAgain,
} from "./verification";
import { warmUp } from "./warm-up";

// Functions of this file that do not return a model free everything and close
// the device. The next function that is called opens the device again, so that two
// backends are never in memory together.

export interface Opened {
  readonly kind: "opened";
  readonly model: LoadedModel;
}

/** A graph computes NaN or Infinity in its dtype. */
export interface Overflow {
  readonly kind: "overflow";
  readonly graph: Graph;
}

/** What the ORT backend answers about the test image. */
interface ReferenceAnswer {
  readonly kind: "answered";
  readonly tokens: readonly number[];
}

/** Opens the ORT backend and warms it up. `backendReason`: why a backend of
 * our own is not used. */
export async function openOrt(
  job: LoadJob,
  plan: LoadPlan,
  backendReason?: string,
): Promise<Opened | Overflow> {
  const reason = backendReason === undefined ? {} : { backendReason };
  const info = { ...plan.info, ...reason };
  const { model, backend } = await createModel(
    job,
    { ...(await withOpenDevice(plan)), info },
    (tensors, onStep) =>
      openOrtBackend(plan.graphs, tensors, plan.config, onStep),
  );
  return freeOnError(job, model, async () => {
    const graph = await findOverflow(job, plan, model, backend);
    if (graph === undefined) return { kind: "opened", model };
    await model.free();
    return { kind: "overflow", graph };
  });
}

/** Warms the backend up. A CPU has no shaders to compile, so there the numbers of
 * these files are tested once, and later loads begin with the first request. */
async function findOverflow(
  { signal }: LoadJob,
  plan: LoadPlan,
  model: LoadedModel,
  backend: OrtBackend,
): Promise<Graph | undefined> {
  const size = testImageSize(plan);
  const key = plan.gpu === undefined ? plan.verification.key : undefined;
  let graph: Graph | undefined;
  const isFinite = await checkOnce(key, async () => {
    graph = await warmUp(model, backend, size, signal);
    return graph === undefined;
  });
  return isFinite ? undefined : (graph ?? warmUp(model, backend, size, signal));
}

/** Opens the ORT backend, asks it about the test image, and frees it. */
export async function askOrt(
  job: LoadJob,
  plan: LoadPlan,
): Promise<ReferenceAnswer | Overflow> {
  const opened = await openOrt(job, plan);
  if (opened.kind === "overflow") return opened;
  const { model } = opened;
  return freeOnError(job, model, async () => {
    const size = testImageSize(plan);
    const tokens = await answerTestImage(model, size, job.signal);
    await model.free();
    return { kind: "answered", tokens };
  });
}

/** Plans our own backend for the device of `plan`. Nothing is in memory yet. */
export async function planOwn(
  job: LoadJob,
  plan: LoadPlan,
): Promise<OwnCandidate | Rejection> {
  const { gpu, graphs, config } = plan;
  const name = gpu === undefined ? "wasm" : "webgpu";
  try {
    const own =
      gpu === undefined
        ? await planWasmBackend(graphs, config)
        : await planWebGpuBackend(graphs, config, gpu);
    return new OwnCandidate(job, plan, name, own);
  } catch (error) {
    return rejectionFor(error, name);
  }
}

/** A backend of our own, for a model that it can run. */
export class OwnCandidate {
  readonly kind = "candidate";
  readonly name: OwnBackend;
  readonly #job: LoadJob;
  readonly #own: BackendPlan;
  /** With the device of the last attempt. */
  #plan: LoadPlan;

  constructor(
    job: LoadJob,
    plan: LoadPlan,
    name: OwnBackend,
    own: BackendPlan,
  ) {
    this.name = name;
    this.#job = job;
    this.#own = own;
    this.#plan = { ...plan, info: { ...plan.info, backend: name } };
  }

  /** Opens the backend and verifies that it answers with these tokens.
   * `isVerified`: an earlier load has run all tests. */
  async open(
    tokens: readonly number[],
    isVerified = false,
  ): Promise<Opened | Rejection> {
    const job = this.#job;
    const plan = (this.#plan = await withOpenDevice(this.#plan));
    try {
      const { model } = await createModel(job, plan, (tensors, onStep) =>
        this.#own.open(tensors, onStep),
      );
      return await freeOnError(job, model, async () => {
        const size = testImageSize(plan);
        const { signal } = job;
        const reason = isVerified
          ? await verifyAgain(model, tokens, size, signal)
          : await verify(model, tokens, size, signal);
        if (reason === undefined) return { kind: "opened", model };
        await model.free();
        return { kind: "rejected", reason, permanent: true };
      });
    } catch (error) {
      if (job.signal.aborted) throw error;
      return rejectionFor(error, this.name);
    }
  }

  /** Opens a device of its own, because the plan's is in use. */
  async takeNewDevice(): Promise<void> {
    const { gpu } = this.#plan;
    if (gpu === undefined) return;
    this.#plan = { ...this.#plan, gpu: await reopenGpu(gpu) };
  }

  /** Deletes the choices of kernels that an earlier load made and the last attempt
   * used. Returns whether there were any: then another attempt may succeed. */
  async forgetKernelChoices(): Promise<boolean> {
    const { gpu } = this.#plan;
    const record = gpu && trialRecordOf(gpu.device);
    return (await record?.forget()) ?? false;
  }
}

/** Opens a backend. Closes the plan's device if that fails. */
async function createModel<B extends Backend>(
  job: LoadJob,
  plan: LoadPlan,
  open: (tensors: Tensors, onStep: OnStep) => Promise<B>,
): Promise<{ readonly model: LoadedModel; readonly backend: B }> {
  const { options, signal, reporter } = job;
  const { gpu } = plan;
  const onStep: OnStep = (done, steps) => {
    if (signal.aborted) throw loadAborted();
    reporter.preparing(done, steps);
  };
  if (gpu !== undefined) gpu.onShader = () => reporter.shaderCompiled();
  try {
    const tensors = new Tensors(gpu);
    const backend = await open(tensors, onStep);
    const model = new LoadedModel(options, plan, backend, tensors);
    reporter.warming();
    return { model, backend };
  } catch (error) {
    const cause = (await gpu?.explain(error)) ?? error;
    gpu?.close();
    throw signal.aborted ? loadAborted() : cause;
  }
}

/** Frees the model and closes its device if `work` rejects. */
async function freeOnError<T>(
  { signal }: LoadJob,
  model: LoadedModel,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const cause = (await model.gpu?.explain(error)) ?? error;
    await model.free();
    throw signal.aborted ? loadAborted() : cause;
  }
}

async function withOpenDevice(plan: LoadPlan): Promise<LoadPlan> {
  const { gpu } = plan;
  if (gpu === undefined || !gpu.isClosed) return plan;
  return { ...plan, gpu: await reopenGpu(gpu) };
}
