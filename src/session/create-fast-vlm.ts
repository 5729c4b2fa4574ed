import { asyncDispose } from "./async-dispose";
import { lazyImport } from "../runtime/lazy-import";
import type {
  Availability,
  AvailabilityOptions,
  CreateOptions,
  FastVlmOptions,
  SessionFactory,
} from "./session-factory";
import type { Session } from "./session";

/**
 * Sessions with models. Nothing is downloaded or started before it is asked.
 * What fails rejects with a `VlmError`.
 */
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
  let loading: Promise<SessionFactory> | undefined;
  let isDisposed = false;
  const sessions = async (): Promise<SessionFactory> => {
    loading ??= lazyImport(
      () => import("./session-factory"),
      "What asks models",
    ).then((module) => new module.SessionFactory(options));
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
    [asyncDispose]: dispose,
  };
}
