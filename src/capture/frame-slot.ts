import { aborted } from "../shared/abort";
import type { Frame } from "../shared/protocol";

export interface CapturedFrame {
  readonly frame: Frame;
  /** Time of capture, on the clock of `shared/clock.ts`. */
  readonly time: number;
  /** Number of frames dropped since the previous one. */
  readonly dropped: number;
  /** Takes a frame that arrived since, instead of this one, which then counts as
   * dropped. */
  readonly newer?: () => CapturedFrame | undefined;
}

/** A frame of an image that may be captured again. */
export interface IdentifiedFrame extends CapturedFrame {
  /** Equal for the same image; absent for a new one. */
  readonly name?: string;
}

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
    for (const arrived of this.#waiting) arrived();
  }

  /** The newest frame; waits for the next one if it was taken already. */
  async take(signal: AbortSignal): Promise<CapturedFrame> {
    for (;;) {
      if (signal.aborted) throw aborted();
      const taken = this.#give(0);
      if (taken) return taken;
      await this.#next(signal);
    }
  }

  /** Closes the held frame without counting it as dropped. */
  clear(): void {
    this.#held?.frame.close();
    this.#held = undefined;
    this.#dropped = 0;
  }

  #give(passed: number): CapturedFrame | undefined {
    if (!this.#held) return undefined;
    const { frame, time } = this.#held;
    const dropped = this.#dropped + passed;
    this.#held = undefined;
    this.#dropped = 0;
    return { frame, time, dropped, newer: () => this.#give(dropped + 1) };
  }

  #next(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const arrived = (): void => {
        this.#waiting.delete(arrived);
        signal.removeEventListener("abort", leave);
        resolve();
      };
      const leave = (): void => {
        this.#waiting.delete(arrived);
        reject(aborted());
      };
      if (signal.aborted) {
        leave();
        return;
      }
      signal.addEventListener("abort", leave, { once: true });
      this.#waiting.add(arrived);
    });
  }
}
