import { aborted } from "../shared/abort";
import type { Frame } from "../shared/protocol";
import type { CapturedFrame } from "./frame-source";

/** Holds one frame: a newer frame replaces one that was not taken. */
export class FrameSlot {
  #held: { frame: Frame; time: number } | undefined;
  #dropped = 0;
  #ended = false;
  readonly #waiting = new Set<() => void>();

  put(frame: Frame, time: number): void {
    if (this.#held) {
      this.#held.frame.close();
      this.#dropped += 1;
    }
    this.#held = { frame, time };
    this.#wake();
  }

  /** Resolves with true once there is a frame, with false after `end`; rejects
   * with `aborted`. */
  ready(signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const check = (): void => {
        if (!signal.aborted && !this.#held && !this.#ended) return;
        this.#waiting.delete(check);
        signal.removeEventListener("abort", check);
        if (signal.aborted) reject(aborted());
        else resolve(!this.#ended);
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

  /** No more frames arrive. */
  end(): void {
    this.clear();
    this.#ended = true;
    this.#wake();
  }

  #wake(): void {
    for (const resume of this.#waiting) resume();
  }
}
