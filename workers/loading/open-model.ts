import type { LoadJob, LoadPlan } from "./load-plan";
import type { LoadedModel } from "./loaded-model";
import { estimateMemory, fitTogether } from "./memory-estimate";
import { openFirst } from "./first-backend";
import {
  askOrt,
  openOrt,
  planOwn,
  type Opened,
  type Overflow,
  type OwnCandidate,
} from "./open-backend";
import type { OwnBackend, Rejection } from "./rejection";
import { answerTestImage, testImageSize } from "./verification";
import type { VerificationResult } from "./verification-cache";

type Candidate = Pick<
  OwnCandidate,
  "kind" | "name" | "open" | "forgetKernelChoices" | "takeNewDevice"
>;

/** What `openModel` needs, for tests to replace. */
export interface Backends {
  readonly openOrt: typeof openOrt;
  readonly askOrt: typeof askOrt;
  readonly planOwn: (
    job: LoadJob,
    plan: LoadPlan,
  ) => Promise<Candidate | Rejection>;
  readonly openFirst: typeof openFirst;
  readonly answerTestImage: typeof answerTestImage;
}

const realBackends: Backends = {
  openOrt,
  askOrt,
  planOwn,
  openFirst,
  answerTestImage,
};

/** Runs `work` while the model answers no request. */
type BetweenRequests = <T>(work: () => Promise<T>) => Promise<T>;

/** Prepares the backend that replaces a model's first one, which answers requests
 * meanwhile. */
export type Upgrade = (between: BetweenRequests) => Promise<Opened | Rejection>;

export interface OpenedModel extends Opened {
  readonly upgrade?: Upgrade;
}

/**
 * Opens the model on our own backend for the device if that gives the same tokens
 * for the test image as the ORT backend, else on the ORT backend. The ORT backend's
 * tokens are cached, so that later loads open our own backend only.
 *
 * With `answersEarly`, a backend that takes long to prepare is left to `upgrade`, if
 * there is memory for two: the model then opens on another one.
 */
export async function openModel(
  job: LoadJob,
  plan: LoadPlan,
  answersEarly = false,
  backends = realBackends,
): Promise<OpenedModel | Overflow> {
  if (job.options.backend === "ort") return backends.openOrt(job, plan);
  const candidate = await backends.planOwn(job, plan);
  const known = plan.verification.result;
  if (candidate.kind === "rejected" || known?.rejection !== undefined) {
    const reason =
      candidate.kind === "rejected" ? candidate.reason : known?.rejection;
    return backends.openOrt(job, plan, reason);
  }
  if (answersEarly && takesLong(plan, known) && fitsTwice(plan)) {
    const first = await openBefore(job, plan, candidate.name, backends);
    if (first.kind === "overflow") return first;
    const { model } = first;
    const upgrade: Upgrade = (between) =>
      openAfter(model, { job, plan, candidate, backends }, between);
    return { ...first, upgrade };
  }
  const result = await openOwn(job, plan, candidate, backends);
  return result.kind === "rejected"
    ? backends.openOrt(job, plan, result.reason)
    : result;
}

/** Kernels have to be compiled and compared, or the reference has to be opened. */
function takesLong(
  { gpu }: LoadPlan,
  known: VerificationResult | undefined,
): boolean {
  return gpu === undefined ? known === undefined : known?.verified !== true;
}

/** Whether there is memory for the reference and our own backend at once. */
function fitsTwice(plan: LoadPlan): boolean {
  const { config, variants, info, needs, hardware } = plan;
  const { device } = hardware;
  const { dtypes, size } = info;
  const placement = { device, backend: "ort" } as const;
  const { total } = estimateMemory(config, variants, dtypes, size, placement);
  return fitTogether({ device, bytes: total }, { device, bytes: needs.total });
}

function openBefore(
  job: LoadJob,
  plan: LoadPlan,
  preparing: OwnBackend,
  backends: Backends,
): Promise<Opened | Overflow> {
  const info = { ...plan.info, preparing };
  return backends.openFirst(job, { ...plan, info });
}

interface Attempt {
  readonly job: LoadJob;
  readonly plan: LoadPlan;
  readonly candidate: Candidate;
  readonly backends: Backends;
}

/** Opens our own backend while `first` is in use. */
async function openAfter(
  first: LoadedModel,
  { job, plan, candidate, backends }: Attempt,
  between: BetweenRequests,
): Promise<Opened | Rejection> {
  if (first.gpu === plan.gpu) await candidate.takeNewDevice();
  const opened = await openKnown(plan, candidate);
  if (opened) return opened;
  const size = testImageSize(plan);
  const tokens = await between(() =>
    backends.answerTestImage(first, size, job.signal),
  );
  const result = await openCompared(plan, candidate, tokens);
  if (result.kind === "opened" || first.info.device === plan.info.device)
    return result;
  // A GPU that failed may fail again.
  if (!result.permanent && job.options.device === "auto") return result;
  const ort = await backends.openOrt(job, plan, result.reason);
  return ort.kind === "opened" ? ort : result;
}

async function openOwn(
  job: LoadJob,
  plan: LoadPlan,
  candidate: Candidate,
  backends: Backends,
): Promise<Opened | Overflow | Rejection> {
  const opened = await openKnown(plan, candidate);
  if (opened) return opened;
  const reference = await backends.askOrt(job, plan);
  return reference.kind === "overflow"
    ? reference
    : openCompared(plan, candidate, reference.tokens);
}

/** Compares with the tokens of an earlier load. Returns undefined without an earlier
 * load, or if its tokens may be outdated. */
async function openKnown(
  { verification }: LoadPlan,
  candidate: Candidate,
): Promise<Opened | Rejection | undefined> {
  if (verification.result === undefined) return undefined;
  const { tokens, verified = false } = verification.result;
  const result = await openVerified(candidate, tokens, verified);
  if (result.kind === "rejected") {
    // A temporary failure proves nothing about the tokens.
    return result.permanent ? undefined : result;
  }
  if (!verified) await verification.set({ tokens, verified: true });
  return result;
}

/** Compares with the reference's tokens and caches the result. */
async function openCompared(
  { verification }: LoadPlan,
  candidate: Candidate,
  tokens: readonly number[],
): Promise<Opened | Rejection> {
  const result = await openVerified(candidate, tokens);
  if (result.kind === "opened") {
    await verification.set({ tokens, verified: true });
  } else if (result.permanent) {
    await verification.set({ tokens, rejection: result.reason });
  } else {
    await verification.set({ tokens });
  }
  return result;
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
