import type { Graph } from "../../src/shared/models";
import type { ModelInfo } from "../../src/shared/protocol";
import { VlmError } from "../../src/shared/errors";
import { planWebGpuBackend, type WebGpuPlan } from "../backends/webgpu/open";
import { recordOf } from "../backends/webgpu/overrides/choice-record";
import { UnsupportedGraph } from "../backends/webgpu/graphs/weight";
import { LoadedModel } from "./model";
import { reopenGpu } from "../ort/adapter";
import type { Memory } from "../ort/tensor";
import { openOrtBackend } from "../backends/ort/open";
import { tryBackend, verificationSize } from "./try-backend";
import type { LoadJob, LoadPlan } from "./plan";
import { sameTokens, answerTestImage } from "./verification";
import { verificationKey, verificationCache } from "./verification-cache";
import { overflows, warmUp } from "./warm-up";

/**
 * The model on the fast path if that says what the plain one says, else on the
 * plain one; or the graph of it that does not compute with numbers. Never are
 * the weights of both on the GPU: the plain path answers and makes way, and
 * comes back if need be. Where both were compared before, the fast path only
 * has to give the tokens that are on record.
 */
export async function openModel(
  job: LoadJob,
  plan: LoadPlan,
): Promise<LoadedModel | Graph> {
  if (job.options.backend === "ort") return openOn(job, plan);
  const fast = await fastPlan(plan);
  if (typeof fast === "string") return openOn(job, plan, fast);
  const key = await verificationKey(plan, verificationSize(plan));
  const verdict =
    key === undefined ? undefined : await verificationCache.recall(key);
  if (verdict === undefined) return compare(job, plan, fast, key);
  if (verdict.against !== undefined) return openOn(job, plan, verdict.against);
  const outcome = await openFast(job, plan, fast, verdict.tokens);
  if (outcome instanceof LoadedModel) return outcome;
  const anew = await reopened(plan);
  // A failure says nothing against the record.
  if (!outcome.lasting) return openOn(job, anew, outcome.against);
  return compare(job, anew, fast, key);
}

/** Plain, then fast, and plain again if they differ. */
async function compare(
  job: LoadJob,
  plan: LoadPlan,
  fast: WebGpuPlan,
  key: string | undefined,
): Promise<LoadedModel | Graph> {
  const { signal } = job;
  const side = verificationSize(plan);
  const answered = await tryBackend(
    job,
    plan,
    plainly(plan),
    async (model, path) => {
      const overflowing = await warmUp(model, path, side, signal);
      return (
        overflowing ??
        answerTestImage(model, side, { draft: false, name: newName() }, signal)
      );
    },
  );
  if (answered instanceof LoadedModel || typeof answered === "string")
    return answered;
  const outcome = await openFast(job, await reopened(plan), fast, answered);
  const { against, lasting } =
    outcome instanceof LoadedModel ? { lasting: true } : outcome;
  if (key !== undefined && lasting) {
    await verificationCache.remember(key, {
      tokens: answered,
      ...(against && { against }),
    });
  }
  if (outcome instanceof LoadedModel) return outcome;
  return openOn(job, await reopened(plan), against);
}

/** On the plain path, and why. */
function openOn(job: LoadJob, plan: LoadPlan, backendReason?: string) {
  const { info } = plan;
  const told = backendReason === undefined ? info : { ...info, backendReason };
  return tryBackend(
    job,
    { ...plan, info: told },
    plainly(plan),
    (model, path) => warmUp(model, path, verificationSize(plan), job.signal),
  );
}

const plainly =
  ({ graphs, config }: LoadPlan) =>
  (memory: Memory, next: () => void) =>
    openOrtBackend(graphs, memory, config, next);

/** Why the fast path is not taken. */
interface Refusal {
  readonly against: string;
  /** Whether it would be the same the next time. */
  readonly lasting: boolean;
}

/** With and without a draft it has to say what the plain path said. A kernel of
 * ours that was right in an earlier load may not be so any more: before it is
 * refused, they are tried anew. */
async function openFast(
  job: LoadJob,
  plan: LoadPlan,
  fast: WebGpuPlan,
  tokens: readonly number[],
): Promise<LoadedModel | Refusal> {
  const outcome = await tryFast(job, plan, fast, tokens);
  if (outcome instanceof LoadedModel || !outcome.lasting) return outcome;
  const record = plan.gpu && recordOf(plan.gpu.device);
  const stale = (await record?.forget()) ?? false;
  return stale ? tryFast(job, await reopened(plan), fast, tokens) : outcome;
}

async function tryFast(
  job: LoadJob,
  plan: LoadPlan,
  fast: WebGpuPlan,
  tokens: readonly number[],
): Promise<LoadedModel | Refusal> {
  const info: ModelInfo = { ...plan.info, backend: "webgpu" };
  const open = (memory: Memory, next: () => void) => fast.open(memory, next);
  try {
    return await tryBackend(job, { ...plan, info }, open, async (model) => {
      const side = verificationSize(plan);
      if (await overflows(model, side, job.signal)) return OVERFLOWING;
      let name = "";
      for (const draft of [false, true]) {
        name = newName();
        const trial = { draft, name };
        const said = await answerTestImage(model, side, trial, job.signal);
        if (!sameTokens(said, tokens)) return DIFFERENT;
      }
      // So that a person's second question finds its short prefill captured.
      const again = { text: "Why?", draft: false, name };
      await answerTestImage(model, side, again, job.signal);
      model.forget();
      return undefined;
    });
  } catch (error) {
    if (job.signal.aborted) throw error;
    return refusalOf(error);
  }
}

/** For a picture that nobody else can name. */
const newName = (): string => crypto.randomUUID();

const OVERFLOWING: Refusal = {
  against: "Of a busy picture it makes numbers that are none.",
  lasting: true,
};

const DIFFERENT: Refusal = {
  against: "It did not say what the plain path says of a picture.",
  lasting: true,
};

/** Or why there is none. */
async function fastPlan({
  gpu,
  graphs,
  config,
}: LoadPlan): Promise<WebGpuPlan | string> {
  if (gpu === undefined) return "It needs WebGPU.";
  try {
    return await planWebGpuBackend(graphs, config, gpu);
  } catch (error) {
    return refusalOf(error).against;
  }
}

function refusalOf(error: unknown): Refusal {
  const { code, message, cause } = VlmError.from(error);
  return cause instanceof UnsupportedGraph
    ? { against: `It cannot run this model: ${message}`, lasting: true }
    : { against: `It failed: ${message}`, lasting: code === "unsupported" };
}

/** With a new device in place of the one that an attempt has closed. */
async function reopened(plan: LoadPlan): Promise<LoadPlan> {
  const { gpu } = plan;
  return gpu === undefined ? plan : { ...plan, gpu: await reopenGpu(gpu) };
}
