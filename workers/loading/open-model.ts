import { VlmError } from "../../src/shared/errors";
import type { Graph } from "../../src/shared/models";
import { type Backend, UnsupportedGraph } from "../backends/backend";
import { openOrtBackend } from "../backends/ort/open";
import { planWebGpuBackend, type WebGpuPlan } from "../backends/webgpu/open";
import { trialRecordOf } from "../backends/webgpu/overrides/trial-record";
import { fixedImageSize } from "../model-files/graph-contract";
import { reopenGpu } from "../ort/adapter";
import { loadOrt } from "../ort/runtime";
import { Tensors } from "../ort/tensor";
import { loadAborted } from "../store/errors";
import type { LoadJob, LoadPlan } from "./load-plan";
import { LoadedModel } from "./loaded-model";
import { answerTestImage, verify } from "./verification";
import { verificationCache, verificationKey } from "./verification-cache";
import { warmUp } from "./warm-up";

interface Opened {
  readonly model: LoadedModel;
}

/** The graph that computes NaN or Infinity in its dtype. */
interface Overflow {
  readonly overflowing: Graph;
}

export type OpenResult = Opened | Overflow;

/** Why the WebGPU backend is not used. */
export interface Rejection {
  /** Becomes `ModelInfo.backendReason`. */
  readonly reason: string;
  /** Whether another load of the same files would be rejected, too. */
  readonly permanent: boolean;
}

type WebGpuResult = Opened | Rejection;

/** Width and height of the test image where the backend runs on a CPU, which
 * has no shaders to compile and takes seconds for a large image. */
const CPU_SIZE = 256;

/**
 * Opens the model on the WebGPU backend if that gives the same tokens for the
 * test image as the ORT backend, else on the ORT backend.
 *
 * The two are never in memory together: each is freed, with its device, before
 * the next one opens. The reference tokens are cached, so that later loads open
 * the WebGPU backend only.
 */
export async function openModel(
  job: LoadJob,
  plan: LoadPlan,
): Promise<OpenResult> {
  if (job.options.backend === "ort") return openOrt(job, plan);
  const webgpu = await planWebGpu(plan);
  if ("reason" in webgpu) return openOrt(job, plan, webgpu.reason);

  const size = testImageSize(plan);
  const key = await verificationKey(plan, size, job.signal);
  const cached =
    key === undefined ? undefined : await verificationCache.get(key);
  if (cached?.rejection !== undefined) {
    return openOrt(job, plan, cached.rejection);
  }
  if (cached !== undefined) {
    const opened = await openWebGpu(job, plan, webgpu, cached.tokens);
    if ("model" in opened) return opened;
    plan = await withNewDevice(plan);
    // A failure proves nothing about the cached tokens.
    if (!opened.permanent) return openOrt(job, plan, opened.reason);
  }

  const reference = await referenceTokens(job, plan);
  if ("overflowing" in reference) return reference;
  const { tokens } = reference;
  plan = await withNewDevice(plan);
  const opened = await openWebGpu(job, plan, webgpu, tokens);
  const rejection =
    "model" in opened || !opened.permanent ? {} : { rejection: opened.reason };
  if (key !== undefined) {
    await verificationCache.set(key, { tokens, ...rejection });
  }
  if ("model" in opened) return opened;
  return openOrt(job, await withNewDevice(plan), opened.reason);
}

/** Opens the model on the ORT backend. `reason`: why not on the WebGPU backend. */
function openOrt(
  job: LoadJob,
  plan: LoadPlan,
  reason?: string,
): Promise<OpenResult> {
  const backendReason = reason === undefined ? {} : { backendReason: reason };
  const info = { ...plan.info, ...backendReason };
  return warmUpOrt(job, { ...plan, info }, (model) =>
    Promise.resolve({ model }),
  );
}

/** The ORT backend's answer about the test image. Frees the backend. */
function referenceTokens(
  job: LoadJob,
  plan: LoadPlan,
): Promise<{ readonly tokens: readonly number[] } | Overflow> {
  return warmUpOrt(job, plan, async (model, size) => {
    const tokens = await answerTestImage(model, size, job.signal);
    await model.free();
    return { tokens };
  });
}

/** Opens the ORT backend and warms it up. Passes the model to `use`, which returns
 * it or frees it, unless a graph overflows. */
function warmUpOrt<T>(
  job: LoadJob,
  plan: LoadPlan,
  use: (model: LoadedModel, size: number) => Promise<T>,
): Promise<T | Overflow> {
  const { graphs, config } = plan;
  return withModel(
    job,
    plan,
    (tensors, onStep) => openOrtBackend(graphs, tensors, config, onStep),
    async (model, backend) => {
      const size = testImageSize(plan);
      const overflowing = await warmUp(model, backend, size, job.signal);
      if (overflowing === undefined) return use(model, size);
      await model.free();
      return { overflowing };
    },
  );
}

/** Opens the WebGPU backend and verifies it. A kernel override that was correct
 * in an earlier load may no longer be: if that load's choices were used, they
 * are deleted and measured again before the backend is rejected. */
async function openWebGpu(
  job: LoadJob,
  plan: LoadPlan,
  webgpu: WebGpuPlan,
  tokens: readonly number[],
): Promise<WebGpuResult> {
  const opened = await verifyWebGpu(job, plan, webgpu, tokens);
  if ("model" in opened || !opened.permanent) return opened;
  const record = plan.gpu && trialRecordOf(plan.gpu.device);
  const outdated = (await record?.forget()) ?? false;
  if (!outdated) return opened;
  return verifyWebGpu(job, await withNewDevice(plan), webgpu, tokens);
}

async function verifyWebGpu(
  job: LoadJob,
  plan: LoadPlan,
  webgpu: WebGpuPlan,
  tokens: readonly number[],
): Promise<WebGpuResult> {
  const info = { ...plan.info, backend: "webgpu" } as const;
  try {
    return await withModel(
      job,
      { ...plan, info },
      (tensors, onStep) => webgpu.open(tensors, onStep),
      async (model): Promise<WebGpuResult> => {
        const size = testImageSize(plan);
        const reason = await verify(model, tokens, size, job.signal);
        if (reason === undefined) return { model };
        await model.free();
        return { reason, permanent: true };
      },
    );
  } catch (error) {
    if (job.signal.aborted) throw error;
    return rejectionFor(error);
  }
}

async function planWebGpu({
  gpu,
  graphs,
  config,
}: LoadPlan): Promise<WebGpuPlan | Rejection> {
  if (gpu === undefined) {
    const reason = "The WebGPU backend needs a WebGPU device.";
    return { reason, permanent: true };
  }
  try {
    return await planWebGpuBackend(graphs, config, gpu);
  } catch (error) {
    return rejectionFor(error);
  }
}

function rejectionFor(error: unknown): Rejection {
  const { code, message, cause } = VlmError.from(error);
  return cause instanceof UnsupportedGraph
    ? {
        reason: `The WebGPU backend cannot run this model: ${message}`,
        permanent: true,
      }
    : {
        reason: `The WebGPU backend failed: ${message}`,
        permanent: code === "unsupported",
      };
}

/**
 * Opens a backend and passes the model to `check`, which returns it or frees it.
 * Frees the model and the plan's device if anything rejects.
 */
async function withModel<B extends Backend, T>(
  job: LoadJob,
  plan: LoadPlan,
  open: (tensors: Tensors, onStep: () => void) => Promise<B>,
  check: (model: LoadedModel, backend: B) => Promise<T>,
): Promise<T> {
  const { gpu, loaded } = plan;
  let reported = "";
  const report = (phase: "preparing" | "warming") => {
    // There may be hundreds of steps.
    if (phase === reported) return;
    reported = phase;
    const bytes = { loaded, total: loaded, rate: 0, elsewhere: false };
    job.emit({ type: "progress", phase, ...bytes });
  };
  let model: LoadedModel | undefined;
  try {
    const tensors = new Tensors(await loadOrt(), gpu);
    const backend = await open(tensors, () => {
      if (job.signal.aborted) throw loadAborted();
      report("preparing");
    });
    model = new LoadedModel(job.options, plan, backend, tensors);
    report("warming");
    return await check(model, backend);
  } catch (error) {
    const cause = (await gpu?.explain(error)) ?? error;
    if (model === undefined) gpu?.close();
    else await model.free();
    throw job.signal.aborted ? loadAborted() : cause;
  }
}

function testImageSize({ hardware, config, graphs }: LoadPlan): number {
  const only = fixedImageSize(graphs.vision_encoder.graph);
  if (only !== undefined) return only;
  return hardware.software ? Math.min(config.size, CPU_SIZE) : config.size;
}

/** Replaces the device, which closes together with a model. */
async function withNewDevice(plan: LoadPlan): Promise<LoadPlan> {
  const { gpu } = plan;
  return gpu === undefined ? plan : { ...plan, gpu: await reopenGpu(gpu) };
}
