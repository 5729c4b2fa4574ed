import { VlmError } from "../../src/shared/errors";
import type { Graph, MemoryEstimate } from "../../src/shared/models";
import type { LoadOptions, ModelInfo } from "../../src/shared/protocol";
import type { Emit } from "./graphs";
import { makePlan, type LoadJob, type LoadPlan } from "./plan";
import { openModel } from "./open-model";
import { fallBackToWiderDtype } from "./dtype-fallback";
import { LoadedModel } from "./model";
import {
  forgetUnchecked,
  readMetadata,
  readStoredMetadata,
  type ModelMetadata,
} from "./model-metadata";

/** Everything is on disk and checked; `start` puts it into memory. */
export interface Prepared {
  readonly needs: MemoryEstimate;
  readonly device: ModelInfo["device"];
  /** Once. Leaves nothing behind if it fails. */
  start(): Promise<LoadedModel>;
}

/** Configuration → device → dtypes → download and checks → sessions → warm up.
 * Leaves nothing behind if any of it fails. */
export async function loadModel(
  options: LoadOptions,
  signal: AbortSignal,
  emit: Emit,
): Promise<LoadedModel> {
  return (await prepareModel(options, signal, emit)).start();
}

export async function prepareModel(
  options: LoadOptions,
  signal: AbortSignal,
  emit: Emit,
): Promise<Prepared> {
  const job = { options, signal, emit };
  const nothing = { loaded: 0, total: 0, rate: 0, elsewhere: false };
  emit({ type: "progress", phase: "loading", ...nothing });
  try {
    return await prepare(job, await readMetadata(options.model, signal));
  } catch (error) {
    const found = unobtainable(error)
      ? await readStoredMetadata(options.model, signal)
      : undefined;
    if (found === undefined) throw error;
    return prepare(job, found, VlmError.from(error)).catch(() => {
      throw error;
    });
  }
}

/** `newer`: what stands in the way of a newer version of the model. */
async function prepare(
  job: LoadJob,
  found: ModelMetadata,
  newer?: VlmError,
): Promise<Prepared> {
  try {
    const plan = await makePlan(job, found, job.options.dtype);
    const earlier = newer === undefined ? plan : asEarlier(plan, newer);
    const { needs, hardware } = plan;
    return { needs, device: hardware.device, start: () => start(job, earlier) };
  } catch (error) {
    found.folder.release();
    await forgetUnchecked(job.options.model, error);
    throw error;
  }
}

function asEarlier(plan: LoadPlan, newer: VlmError): LoadPlan {
  const versionReason = `An earlier version is used, since the newer one cannot be had: ${newer.message}`;
  return { ...plan, info: { ...plan.info, versionReason } };
}

/** The files of a model cannot be had, or not whole. */
function unobtainable(error: unknown): boolean {
  const { code } = VlmError.from(error);
  return [
    "download-failed",
    "model-corrupt",
    "model-file-missing",
    "offline",
    "storage-full",
  ].includes(code);
}

async function start(job: LoadJob, plan: LoadPlan): Promise<LoadedModel> {
  try {
    let tried: LoadPlan = plan;
    for (;;) {
      const model = await openModel(job, tried);
      if (model instanceof LoadedModel) return model;
      tried = await widened(job, tried, model);
    }
  } catch (error) {
    plan.found.folder.release();
    await forgetUnchecked(job.options.model, error);
    throw error;
  }
}

/** The plan with a wider dtype for `graph`, which has overflowed. */
async function widened(
  job: LoadJob,
  plan: LoadPlan,
  graph: Graph,
): Promise<LoadPlan> {
  const { info, found, variants } = plan;
  const next = fallBackToWiderDtype(graph, info.dtypes, variants, info.adapter);
  const reasons = [info.dtypeReason, next.reason];
  const reason = reasons.filter((each) => each !== undefined).join(" ");
  const wider = await makePlan(job, found, next.dtypes, reason);
  const { versionReason } = info;
  if (versionReason === undefined) return wider;
  return { ...wider, info: { ...wider.info, versionReason } };
}
