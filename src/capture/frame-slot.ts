import { aborted } from "../shared/abort";
import type { Frame } from "../shared/protocol";
import type { CapturedFrame } from "./frame-source";

/** Holds one frame: a newer frame replaces one that was not taken. */
export class FrameSlot {
  #held: { frame: Frame; time: number } | undefined;
  #dropped = 0;
  readonly #waiting = new Set<() => void>();

  put(frame: Frame, time: number): void {
    if (this.#held) {
      this.#held.frame.close();
      this.#dropped += 1;
    }
    this.#held = { frame, time };
    for (const resume of this.#waiting) resume();
  }

  /** Resolves once there is a frame; rejects with `aborted`. */
  ready(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const check = (): void => {
        if (!signal.aborted && !this.#held) return;
        this.#waiting.delete(check);
        signal.removeEventListener("abort", check);
        if (signal.aborted) reject(aborted());
        else resolve();
      };
      this.#waiting.add(check);
      signal.addEventListener("abort", check);
      check();
    });
  }

  /** The newest frame, unless it was taken already. */
  take(): CapturedFrame | undefined {
    if (!this.#held) return undefined;
    const captured = { ...this.#held, dropped: this.#dropped };
    this.#held = undefined;
    this.#dropped = 0;
    return captured;
  }

  /** Closes the held frame without counting it as dropped. */
  clear(): void {
    this.take()?.frame.close();
  }
}
