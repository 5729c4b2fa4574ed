import type { LoadJob, LoadPlan } from "./load-plan";
import {
  askOrt,
  openOrt,
  planWebGpu,
  type Opened,
  type Overflow,
  type WebGpuCandidate,
} from "./open-backend";
import type { Rejection } from "./rejection";
import { testImageSize } from "./verification";
import {
  verificationCache,
  verificationKey,
  type VerificationResult,
} from "./verification-cache";

type Candidate = Pick<WebGpuCandidate, "kind" | "open" | "forgetKernelChoices">;

/** What `openModel` needs, for tests to replace. */
export interface Backends {
  readonly openOrt: typeof openOrt;
  readonly askOrt: typeof askOrt;
  readonly planWebGpu: (
    job: LoadJob,
    plan: LoadPlan,
  ) => Promise<Candidate | Rejection>;
  readonly key: typeof verificationKey;
  readonly cache: Pick<typeof verificationCache, "get" | "set">;
}

const realBackends: Backends = {
  openOrt,
  askOrt,
  planWebGpu,
  key: verificationKey,
  cache: verificationCache,
};

/**
 * Opens the model on the WebGPU backend if that gives the same tokens for the
 * test image as the ORT backend, else on the ORT backend. The ORT backend's
 * tokens are cached, so that later loads open the WebGPU backend only.
 */
export async function openModel(
  job: LoadJob,
  plan: LoadPlan,
  backends = realBackends,
): Promise<Opened | Overflow> {
  if (job.options.backend === "ort") return backends.openOrt(job, plan);
  const result = await openOnWebGpu(job, plan, backends);
  return result.kind === "rejected"
    ? backends.openOrt(job, plan, result.reason)
    : result;
}

async function openOnWebGpu(
  job: LoadJob,
  plan: LoadPlan,
  backends: Backends,
): Promise<Opened | Overflow | Rejection> {
  const candidate = await backends.planWebGpu(job, plan);
  if (candidate.kind === "rejected") return candidate;
  const key = await keyOf(plan, backends, job.signal);
  const cached = key === undefined ? undefined : await backends.cache.get(key);
  const opened = cached && (await openCached(candidate, cached));
  if (opened) return opened;

  const reference = await backends.askOrt(job, plan);
  if (reference.kind === "overflow") return reference;
  const { tokens } = reference;
  const result = await openVerified(candidate, tokens);
  if (key !== undefined) {
    await backends.cache.set(key, { tokens, ...verdictOf(result) });
  }
  return result;
}

/** Identifies the verification. Closes the plan's device if that is aborted. */
async function keyOf(
  plan: LoadPlan,
  { key }: Backends,
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    return await key(plan, testImageSize(plan), signal);
  } catch (error) {
    plan.gpu?.close();
    throw error;
  }
}

function verdictOf(
  result: Opened | Rejection,
): Pick<VerificationResult, "verified" | "rejection"> {
  if (result.kind === "opened") return { verified: true };
  return result.permanent ? { rejection: result.reason } : {};
}

/** The result of an earlier load, repeated. Undefined if its tokens may be
 * outdated. */
async function openCached(
  candidate: Candidate,
  { tokens, verified = false, rejection: reason }: VerificationResult,
): Promise<Opened | Rejection | undefined> {
  if (reason !== undefined) {
    return { kind: "rejected", reason, permanent: true };
  }
  const result = await openVerified(candidate, tokens, verified);
  // A temporary failure proves nothing about the tokens.
  const isOutdated = result.kind === "rejected" && result.permanent;
  return isOutdated ? undefined : result;
}

/** A kernel that was correct in an earlier load may no longer be, so a failed
 * attempt that used the choices of earlier loads is repeated without them. */
async function openVerified(
  candidate: Candidate,
  tokens: readonly number[],
  isVerified = false,
): Promise<Opened | Rejection> {
  const result = await candidate.open(tokens, isVerified);
  if (result.kind === "opened" || !result.permanent) return result;
  const chooseAgain = await candidate.forgetKernelChoices();
  return chooseAgain ? candidate.open(tokens) : result;
}
