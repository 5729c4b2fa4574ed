import { aborted } from "../shared/abort";
import type { Frame } from "../shared/protocol";

export interface CapturedFrame {
  readonly frame: Frame;
  /** When it was captured, on the clock of `shared/clock.ts`. */
  readonly time: number;
  /** Frames closed unread since the one before. */
  readonly dropped: number;
  /** Another one that has come since then, to be taken instead of this one,
   * which is then dropped. */
  readonly newer?: () => CapturedFrame | undefined;
}

/** Of a picture that may be captured again. */
export interface IdentifiedFrame extends CapturedFrame {
  /** An equal name is the same picture; absent: nobody has seen it before. */
  readonly name?: string;
}

/** Room for one frame: a newer one takes the place of one nobody has read. */
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

  /** The newest frame, or the next one if that has been read. */
  async take(signal: AbortSignal): Promise<CapturedFrame> {
    for (;;) {
      if (signal.aborted) throw aborted();
      const taken = this.#give(0);
      if (taken) return taken;
      await this.#next(signal);
    }
  }

  /** Closes what is held; it was not dropped for a newer one. */
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
