import type { FastVlmElement } from "../../index";

/** Asks questions about the image in the stage, one at a time. */
export class Questioner {
  readonly #vlm: FastVlmElement;
  readonly #changed: () => void;
  #request: AbortController | undefined;

  constructor(vlm: FastVlmElement, changed: () => void) {
    this.#vlm = vlm;
    this.#changed = changed;
  }

  /** A question waits for its answer. */
  get asking(): boolean {
    return this.#request !== undefined;
  }

  /** Freezes the frame, so that follow-up questions are about the same one. The
   * element shows errors. */
  async ask(question: string): Promise<void> {
    this.stop();
    const request = new AbortController();
    this.#request = request;
    this.#changed();
    const { signal } = request;
    try {
      await this.#vlm.freeze();
      if (!signal.aborted) await this.#vlm.ask(question, { signal });
    } catch {
      // The element shows it, and the conversation.
    } finally {
      if (this.#request === request) this.#request = undefined;
      this.#changed();
    }
  }

  stop(): void {
    if (!this.#request) return;
    this.#request.abort();
    this.#request = undefined;
    // Ends a `freeze` that still waits for a frame.
    if (!this.#vlm.frozen) this.#vlm.resume();
    this.#changed();
  }
}
