import { VlmError } from "../../src/shared/errors";
import type { MemoryEstimate } from "../../src/shared/models";
import {
  noProgress,
  type LoadOptions,
  type ModelInfo,
} from "../../src/shared/protocol";
import type { Emit } from "./download-graphs";
import { fallBackToWiderDtype } from "./dtype-fallback";
import {
  makePlan,
  type LoadJob,
  type LoadPlan,
  type LoadReasons,
} from "./load-plan";
import type { LoadedModel } from "./loaded-model";
import {
  forgetUnchecked,
  readMetadata,
  readStoredMetadata,
  type ModelMetadata,
} from "./model-metadata";
import { openModel } from "./open-model";

/** A model whose files are on disk and checked, but not in memory. */
export interface PreparedModel {
  readonly needs: MemoryEstimate;
  readonly device: ModelInfo["device"];
  /** Opens the model. Call it once. Frees everything if it rejects. */
  open(): Promise<LoadedModel>;
}

/** Loads a model. Frees everything if it rejects. */
export async function loadModel(
  options: LoadOptions,
  signal: AbortSignal,
  emit: Emit,
): Promise<LoadedModel> {
  return (await prepareModel(options, signal, emit)).open();
}

/** Downloads and checks a model. Falls back to the version on disk if the
 * current version cannot be downloaded. */
export async function prepareModel(
  options: LoadOptions,
  signal: AbortSignal,
  emit: Emit,
): Promise<PreparedModel> {
  const job = { options, signal, emit };
  emit(noProgress);
  try {
    return await prepare(job, await readMetadata(options.model, signal), {});
  } catch (error) {
    const stored = isDownloadFailure(error)
      ? await readStoredMetadata(options.model, signal)
      : undefined;
    if (stored === undefined) throw error;
    const { message } = VlmError.from(error);
    const versionReason = `An earlier version is used, because the newer one cannot be downloaded: ${message}`;
    return prepare(job, stored, { versionReason }).catch(() => {
      throw error;
    });
  }
}

async function prepare(
  job: LoadJob,
  metadata: ModelMetadata,
  reasons: LoadReasons,
): Promise<PreparedModel> {
  const plan = await releaseOnError(job, metadata, () =>
    makePlan(job, metadata, job.options.dtype, reasons),
  );
  return {
    needs: plan.needs,
    device: plan.hardware.device,
    open: () => releaseOnError(job, metadata, () => open(job, plan)),
  };
}

/** Opens the model, with a wider dtype for each graph that overflows. */
async function open(job: LoadJob, plan: LoadPlan): Promise<LoadedModel> {
  for (;;) {
    const opened = await openModel(job, plan);
    if ("model" in opened) {
      opened.model.measureMemory();
      return opened.model;
    }
    const { info, metadata, variants } = plan;
    const { dtypes, reason } = fallBackToWiderDtype(
      opened.overflowing,
      info.dtypes,
      variants,
      info.adapter,
    );
    const reasons = [info.dtypeReason, reason];
    const { versionReason } = info;
    plan = await makePlan(job, metadata, dtypes, {
      dtypeReason: reasons.filter((each) => each !== undefined).join(" "),
      ...(versionReason !== undefined && { versionReason }),
    });
  }
}

async function releaseOnError<T>(
  job: LoadJob,
  { folder }: ModelMetadata,
  run: () => Promise<T>,
): Promise<T> {
  try {
    return await run();
  } catch (error) {
    folder.release();
    await forgetUnchecked(job.options.model, error);
    throw error;
  }
}

/** The files are not available, or are damaged. */
function isDownloadFailure(error: unknown): boolean {
  const { code } = VlmError.from(error);
  return [
    "download-failed",
    "model-corrupt",
    "model-file-missing",
    "offline",
    "storage-full",
  ].includes(code);
}
