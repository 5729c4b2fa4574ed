import { VlmError } from "../../src/shared/errors";
import type { Graph, MemoryEstimate } from "../../src/shared/models";
import type { LoadOptions, ModelInfo } from "../../src/shared/protocol";
import type { Emit } from "./graphs";
import { makePlan, type Job, type Plan } from "./plan";
import { widen } from "./widen";
import { Model } from "../model";
import { openPlain } from "../plain/open";
import { measure } from "../ort/memory-use";
import { loadOrt } from "../ort/runtime";
import { Memory } from "../ort/tensor";
import { aborted } from "../store/errors";
import { forgetUnchecked, survey, surveyEarlier, type Survey } from "./survey";
import { warmUp } from "./warm-up";

/** Side that warms up a processor, where the model's own is larger. */
const QUICK_SIDE = 256;

/** Everything is on disk and checked; `start` puts it into memory. */
export interface Prepared {
  readonly needs: MemoryEstimate;
  readonly device: ModelInfo["device"];
  /** Once. Leaves nothing behind if it fails. */
  start(): Promise<Model>;
}

/** Configuration → device → dtypes → download and checks → sessions → warm up.
 * Leaves nothing behind if any of it fails. */
export async function loadModel(
  options: LoadOptions,
  signal: AbortSignal,
  emit: Emit,
): Promise<Model> {
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
    return await prepare(job, await survey(options.model, signal));
  } catch (error) {
    const found = unobtainable(error)
      ? await surveyEarlier(options.model, signal)
      : undefined;
    if (found === undefined) throw error;
    return prepare(job, found, VlmError.from(error)).catch(() => {
      throw error;
    });
  }
}

/** `newer`: what stands in the way of a newer version of the model. */
async function prepare(
  job: Job,
  found: Survey,
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

function asEarlier(plan: Plan, newer: VlmError): Plan {
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

async function start(job: Job, plan: Plan): Promise<Model> {
  try {
    let tried: Plan = plan;
    for (;;) {
      const model = await tryOut(job, tried);
      if (model instanceof Model) return model;
      tried = await widened(job, tried, model);
    }
  } catch (error) {
    plan.found.folder.release();
    await forgetUnchecked(job.options.model, error);
    throw error;
  }
}

/** The plan with a wider dtype for `graph`, which has overflowed. */
async function widened(job: Job, plan: Plan, graph: Graph): Promise<Plan> {
  const { info, found, variants } = plan;
  const next = widen(graph, info.dtypes, variants, info.adapter);
  const reasons = [info.dtypeReason, next.reason];
  const reason = reasons.filter((each) => each !== undefined).join(" ");
  const wider = await makePlan(job, found, next.dtypes, reason);
  const { versionReason } = info;
  if (versionReason === undefined) return wider;
  return { ...wider, info: { ...wider.info, versionReason } };
}

/** The model, or the graph of it that does not compute with numbers. */
async function tryOut(job: Job, plan: Plan): Promise<Model | Graph> {
  const { hardware, gpu, graphs, loaded, config } = plan;
  const report = (phase: "preparing" | "warming") => {
    const whole = { loaded, total: loaded, rate: 0, elsewhere: false };
    job.emit({ type: "progress", phase, ...whole });
  };
  let model: Model | undefined;
  try {
    const memory = new Memory(await loadOrt(), gpu);
    const path = await openPlain(graphs, memory, config, () => {
      if (job.signal.aborted) throw aborted();
      report("preparing");
    });
    model = new Model(job.options, plan, path, memory);
    report("warming");
    // Processors have no shaders to compile, and take seconds for a picture.
    const side = hardware.software
      ? Math.min(config.side, QUICK_SIDE)
      : config.side;
    const overflowing = await warmUp(model, path, side, job.signal);
    if (overflowing === undefined) {
      model.measured(measure(gpu));
      return model;
    }
    await model.free();
    return overflowing;
  } catch (error) {
    const cause = (await gpu?.explain(error)) ?? error;
    if (model === undefined) gpu?.close();
    else await model.free();
    throw job.signal.aborted ? aborted() : cause;
  }
}
