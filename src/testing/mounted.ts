import { expect, onTestFinished, vi } from "vitest";
import type { FastVlmEventMap } from "../element/events";
import type { FastVlmElement } from "../element/fast-vlm";
import type { State } from "../element/state";
import { FakeVlm, fakeWorker, type Script } from "./fake-worker";

const types: readonly (keyof FastVlmEventMap)[] = [
  "modelprogress",
  "ready",
  "backendchange",
  "frame",
  "token",
  "caption",
  "conversationchange",
  "statechange",
  "ended",
  "error",
];

/** An element in the page until the test ends, with a scripted worker, and what
 * it has said. */
export class Mounted {
  readonly vlm: FastVlmElement;
  readonly fake: FakeVlm;
  readonly #events: [type: string, detail: unknown][] = [];

  constructor(script: Partial<Script> = {}) {
    this.fake = new FakeVlm(script);
    this.vlm = document.createElement("fast-vlm");
    this.vlm.model = "/models/fake";
    this.vlm.worker = () => fakeWorker(this.fake);
    for (const type of types) {
      this.vlm.addEventListener(type, (event) => {
        this.#events.push([type, event.detail]);
        // A test runner takes `error` at the window for its own.
        event.stopPropagation();
      });
    }
    document.body.append(this.vlm);
    onTestFinished(() => this.vlm.remove());
  }

  detailsOf<K extends keyof FastVlmEventMap>(
    type: K,
  ): FastVlmEventMap[K]["detail"][] {
    return this.#events
      .filter(([name]) => name === type)
      .map(([, detail]) => detail as FastVlmEventMap[K]["detail"]);
  }

  /** Waits for so many captions. */
  async captions(count: number): Promise<void> {
    await vi.waitFor(() => {
      const { length } = this.detailsOf("caption");
      expect(length).toBeGreaterThanOrEqual(count);
    });
  }

  async reaches(state: State): Promise<void> {
    await vi.waitFor(() => expect(this.vlm.state).toBe(state));
  }

  part(name: string): HTMLElement | null | undefined {
    return this.vlm.shadowRoot?.querySelector(`[part~="${name}"]`);
  }
}
