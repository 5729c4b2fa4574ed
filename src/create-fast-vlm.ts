import { lazily } from "./lazily";
import type { FolderFiles } from "./models/folder";
import type { WorkerStart } from "./runtime/runtime";
import type { DownloadMonitor } from "./session/monitor";
import type { Sessions } from "./session/open";
import type { Session } from "./session/session";
import type { DeviceChoice } from "./shared/models";
import type { PathChoice } from "./shared/protocol";

/** Where things are, and how they come. */
export interface FastVlmOptions extends WorkerStart {
  /** Where `models/NAME/` of carried models is; beside the page. */
  readonly modelBase?: string | undefined;
  /** Endpoint of another hub than huggingface.co. */
  readonly hub?: string | undefined;
}

/** Which model, and how it is to run. */
export interface AvailabilityOptions {
  /**
   * A registered name, `owner/name[@revision]` on the hub, or the address of a
   * folder.
   */
  readonly model?: string | undefined;
  /** Files of a folder of this machine, instead of `model`. */
  readonly folder?: FolderFiles | undefined;
  /** `auto`, `fp32`, …, or by graph: `vision_encoder=fp16,…`. */
  readonly dtype?: string | undefined;
  readonly device?: DeviceChoice | undefined;
  /** `plain` to run the graphs as they were published. */
  readonly path?: PathChoice | undefined;
  /** Side of the encoder's input, a multiple of 64; the model's own. */
  readonly size?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface CreateOptions extends AvailabilityOptions {
  /** Is handed an event target that tells of the download. */
  readonly monitor?: ((monitor: DownloadMonitor) => void) | undefined;
}

/**
 * `available`: all of it is kept here, or loaded; `downloadable`: it has to come
 * first; `downloading`: this page is about to; `unavailable`: it cannot run
 * here, or cannot be had now.
 */
export type Availability =
  "unavailable" | "downloadable" | "downloading" | "available";

/** Sessions with models. Nothing is downloaded or started before it is asked. */
export interface FastVlm extends AsyncDisposable {
  /** Whether `create` would have to download; it downloads small files only. */
  availability(options: AvailabilityOptions): Promise<Availability>;
  /**
   * Loads a model, or joins whoever has it on this page. Aborting the signal
   * ends the load, and does nothing to a session that is there.
   */
  create(options: CreateOptions): Promise<Session>;
  /** Disposes of its sessions, too. */
  dispose(): Promise<void>;
}

export function createFastVlm(options: FastVlmOptions = {}): FastVlm {
  let loading: Promise<Sessions> | undefined;
  let isDisposed = false;
  const sessions = async (): Promise<Sessions> => {
    loading ??= lazily(() => import("./session/open"), "What asks models").then(
      (module) => new module.Sessions(options),
    );
    try {
      const opened = await loading;
      if (isDisposed) opened.dispose();
      return opened;
    } catch (thrown) {
      loading = undefined;
      throw thrown;
    }
  };
  const dispose = async (): Promise<void> => {
    isDisposed = true;
    (await loading?.catch(() => undefined))?.dispose();
  };
  return {
    availability: async (wanted) => (await sessions()).availability(wanted),
    create: async (wanted) => (await sessions()).create(wanted),
    dispose,
    [Symbol.asyncDispose]: dispose,
  };
}
