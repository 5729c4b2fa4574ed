import { VlmError } from "../../src/shared/errors";
import { SMALL_MODEL } from "./dtypes";
import { cpuHardware } from "./hardware";
import type { LoadJob, LoadPlan } from "./load-plan";
import { openOrt, planOwn, type Opened, type Overflow } from "./open-backend";

/**
 * Opens the backend that answers first, while our own backend for the device is being
 * prepared: the ORT backend on the device of the plan. A CPU answers sooner than a
 * software adapter has compiled its first shaders, and sooner with a small model; a page
 * that asked for WebGPU on a GPU gets no CPU.
 */
export async function openFirst(
  job: LoadJob,
  plan: LoadPlan,
): Promise<Opened | Overflow> {
  const { gpu, hardware, info } = plan;
  if (gpu === undefined) return openOrt(job, plan);
  const isSmall = info.bytes < SMALL_MODEL;
  const isSooner = job.options.device === "auto" && isSmall;
  if (!hardware.software && !isSooner) return openOrt(job, plan);
  try {
    return await openOnCpu(job, plan);
  } catch (error) {
    if (VlmError.from(error).code === "aborted") throw error;
    return openOrt(job, plan);
  }
}

async function openOnCpu(
  job: LoadJob,
  plan: LoadPlan,
): Promise<Opened | Overflow> {
  const { device, adapter } = cpuHardware(undefined);
  const info = { ...plan.info, device, adapter };
  const onCpu = { ...plan, info, gpu: undefined };
  const known = plan.verification.result;
  if (known !== undefined) {
    const own = await planOwn(job, onCpu);
    const opened =
      own.kind === "candidate" ? await own.open(known.tokens) : own;
    if (opened.kind === "opened") return opened;
  }
  return openOrt(job, onCpu);
}
