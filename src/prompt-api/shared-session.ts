import { createFastVlm } from "../session/create-fast-vlm";
import type { DownloadMonitor } from "../session/download-monitor";
import type { Session } from "../session/session";
import type { LanguageModelSettings } from "./types";

/** One session for a language model and its clones: the last ends it. */
export class SharedSession {
  readonly session: Session;
  readonly #end: () => void;
  #users = 1;

  private constructor(session: Session, end: () => void) {
    this.session = session;
    this.#end = end;
  }

  static async open(
    settings: LanguageModelSettings,
    signal: AbortSignal,
    monitor?: (monitor: DownloadMonitor) => void,
  ): Promise<SharedSession> {
    const vlm = createFastVlm(settings);
    const end = (): void => void vlm.dispose();
    try {
      const asked = { ...settings, signal, monitor };
      return new SharedSession(await vlm.create(asked), end);
    } catch (error) {
      end();
      throw error;
    }
  }

  join(): SharedSession {
    this.#users += 1;
    return this;
  }

  leave(): void {
    this.#users -= 1;
    if (this.#users === 0) this.#end();
  }
}
