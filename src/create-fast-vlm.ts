import { asyncDispose } from "./async-dispose";
import { lazily } from "./lazily";
import type {
  Availability,
  AvailabilityOptions,
  CreateOptions,
  FastVlmOptions,
  Sessions,
} from "./session/open";
import type { Session } from "./session/session";

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
    [asyncDispose]: dispose,
  };
}
