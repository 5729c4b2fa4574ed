import { VlmError, type ErrorCode } from "../../src/shared/errors";
import type { MemoryEstimate } from "../../src/shared/models";
import type { LoadOptions, ModelInfo } from "../../src/shared/protocol";
import { fallBackToWiderDtype } from "./dtype-fallback";
import {
  makePlan,
  type LoadJob,
  type LoadPlan,
  type LoadReasons,
} from "./load-plan";
import { LoadReporter, type Emit } from "./load-reporter";
import type { LoadedModel } from "./loaded-model";
import {
  forgetUnchecked,
  readMetadata,
  readStoredMetadata,
  type ModelMetadata,
} from "./model-metadata";
import { openModel, type OpenedModel } from "./open-model";

/** A model whose files are on disk and checked, but not in memory. */
export interface PreparedModel {
  readonly needs: MemoryEstimate;
  readonly device: ModelInfo["device"];
  /** Opens the model. Call it once. Frees everything if it rejects. */
  open(how?: Opening): Promise<OpenedModel>;
}

interface Opening {
  /** Rejects if the GPU is out of memory, instead of trying WASM. */
  readonly canFreeMemory?: boolean;
  /** See `openModel`. */
  readonly answersEarly?: boolean;
}

interface Planned {
  readonly job: LoadJob;
  readonly plan: LoadPlan;
}

/** Errors of a GPU that the CPU may not have. */
const gpuFailures: readonly ErrorCode[] = [
  "device-lost",
  "internal",
  "out-of-memory",
  "unsupported",
  "webgpu-unavailable",
];

/** Loads a model. Frees everything if it rejects. */
export async function loadModel(
  options: LoadOptions,
  signal: AbortSignal,
  emit: Emit,
): Promise<LoadedModel> {
  const { model } = await (await prepareModel(options, signal, emit)).open();
  return model;
}

/** Downloads and checks a model. Falls back to the version on disk if the
 * current version cannot be downloaded. */
export async function prepareModel(
  options: LoadOptions,
  signal: AbortSignal,
  emit: Emit,
): Promise<PreparedModel> {
  const reporter = new LoadReporter(emit);
  const job = { options, signal, reporter };
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
  const first = await releaseOnError(job, metadata, async () => {
    try {
      const plan = await makePlan(job, metadata, job.options.dtype, reasons);
      return { job, plan };
    } catch (error) {
      return planOnWasm(job, metadata, reasons, error);
    }
  });
  const { needs, hardware } = first.plan;
  return {
    needs,
    device: hardware.device,
    open: ({ canFreeMemory = false, answersEarly = false } = {}) =>
      releaseOnError(job, metadata, async () => {
        try {
          return await open(first, answersEarly);
        } catch (error) {
          const isFull = VlmError.from(error).code === "out-of-memory";
          if (hardware.device === "wasm" || (isFull && canFreeMemory)) {
            throw error;
          }
          const onWasm = await planOnWasm(job, metadata, reasons, error);
          return open(onWasm, answersEarly);
        }
      }),
  };
}

/** Plans the load once more, on WASM, if `error` is a failure of the GPU that
 * `auto` chose; otherwise throws it. */
async function planOnWasm(
  job: LoadJob,
  metadata: ModelMetadata,
  reasons: LoadReasons,
  error: unknown,
): Promise<Planned> {
  const { options, signal } = job;
  const { code, message } = VlmError.from(error);
  const isAuto = options.device === "auto" && gpuFailures.includes(code);
  if (signal.aborted || !isAuto) throw error;
  const onWasm: LoadJob = { ...job, options: { ...options, device: "wasm" } };
  const deviceReason = gpuFailureReason(message);
  try {
    const plan = await makePlan(onWasm, metadata, options.dtype, {
      ...reasons,
      deviceReason,
    });
    return { job: onWasm, plan };
  } catch (failure) {
    throw signal.aborted ? failure : error;
  }
}

/** `ModelInfo.deviceReason` after a failure of the GPU that `auto` chose. The browser's
 * own messages end without a full stop. */
export function gpuFailureReason(message: string): string {
  const sentence = message.trim().replace(/\.?$/, ".");
  return `The GPU failed while the model was loading, so the model runs on the CPU: ${sentence}`;
}

/** Opens the model, with a wider dtype for each graph that overflows. */
async function open(
  { job, plan: first }: Planned,
  answersEarly: boolean,
): Promise<OpenedModel> {
  for (let plan = first; ;) {
    const opened = await openModel(job, plan, answersEarly);
    if (opened.kind === "opened") {
      opened.model.measureMemory();
      job.reporter.mute();
      return opened;
    }
    const { info, metadata, variants } = plan;
    const { dtypes, reason } = fallBackToWiderDtype(
      opened.graph,
      info.dtypes,
      variants,
      info.adapter,
    );
    const reasons = [info.dtypeReason, reason];
    const { deviceReason, versionReason } = info;
    plan = await makePlan(job, metadata, dtypes, {
      dtypeReason: reasons.filter((each) => each !== undefined).join(" "),
      ...(deviceReason !== undefined && { deviceReason }),
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
