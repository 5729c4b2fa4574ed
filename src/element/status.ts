import type { VlmError } from "../shared/errors";
import { Announcer } from "./announcer";
import { emit } from "./events";
import { noFacts, stateOf, type Facts, type State } from "./state";

export interface StatusHost extends HTMLElement {
  requestUpdate(): void;
  stateChanged(state: State, previous: State): void;
}

/** Keeps the facts, and tells everyone what changes. */
export class Status {
  facts: Facts = noFacts;
  /** What assistive technology is told. */
  announcement = "";
  readonly #host: StatusHost;
  readonly #announcer = new Announcer((text) => {
    this.announcement = text;
    this.#host.requestUpdate();
  });

  constructor(host: StatusHost) {
    this.#host = host;
  }

  know(news: Partial<Facts>): void {
    const previous = stateOf(this.facts);
    this.facts = { ...this.facts, ...news };
    const state = stateOf(this.facts);
    this.#host.requestUpdate();
    if (state !== previous) this.#host.stateChanged(state, previous);
  }

  announce(text: string): void {
    this.#announcer.announce(text);
  }

  /** Being stopped is no failure. */
  report(fact: "error" | "interruption", error: VlmError): void {
    if (error.code === "aborted") return;
    this.know({ [fact]: error });
    const { code, message, advice } = error;
    emit(this.#host, "error", { code, message, advice });
    this.announce(`${message} ${advice}`);
  }

  reset(): void {
    this.#announcer.stop();
    this.know(noFacts);
  }
}
