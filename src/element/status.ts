import type { VlmError } from "../shared/errors";
import { LiveRegion, type Announcement } from "./live-region";
import { emit } from "./events";
import { noFacts, stateOf, type Facts, type State } from "./state";
import { languageOf, messagesFor } from "./languages";
import { failureText, type Messages } from "./messages";

export interface StatusHost extends HTMLElement {
  requestUpdate(): void;
  stateChanged(state: State, previous: State): void;
}

/** Keeps the facts, and tells everyone what changes. */
export class Status {
  facts: Facts = noFacts;
  /** What assistive technology is told. */
  announcement: Announcement = { text: "" };
  readonly #host: StatusHost;
  readonly #announcer = new LiveRegion((announcement) => {
    this.announcement = announcement;
    this.#host.requestUpdate();
  });

  constructor(host: StatusHost) {
    this.#host = host;
  }

  /** In the element's language. */
  get words(): Messages {
    return messagesFor(languageOf(this.#host));
  }

  /** Something is asked for: what was told before may be told again. */
  begin(): void {
    this.#announcer.stop();
    this.know({ error: undefined });
  }

  know(news: Partial<Facts>): void {
    const previous = stateOf(this.facts);
    this.facts = { ...this.facts, ...news };
    const state = stateOf(this.facts);
    this.#host.requestUpdate();
    if (state !== previous) this.#host.stateChanged(state, previous);
  }

  announce(text: string, lang?: string): void {
    this.#announcer.announce({ text, ...(lang ? { lang } : {}) });
  }

  /** Being stopped is no failure. */
  report(fact: "error" | "interruption", error: VlmError): void {
    if (error.code === "aborted") return;
    this.know({ [fact]: error });
    const { code, message, advice } = error;
    emit(this.#host, "error", { code, message, advice });
    const told = failureText(error, this.words);
    this.announce(`${told.message} ${told.advice}`, told.lang);
  }

  reset(): void {
    this.#announcer.stop();
    this.know(noFacts);
  }
}
