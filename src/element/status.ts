import type { VlmError } from "../shared/errors";
import { emit } from "./events";
import { languageOf, messagesFor } from "./languages";
import { LiveRegion, type Announcement } from "./live-region";
import { failureText, type Messages } from "./messages";
import { noFacts, stateOf, type Facts, type State } from "./state";

export interface StatusHost extends Element {
  requestUpdate(): void;
  stateChanged(state: State, previous: State): void;
}

/** The facts that the state follows from; reports their changes as events, in
 * the view and to assistive technology. */
export class Status {
  facts: Facts = noFacts;
  announcement: Announcement = { text: "" };
  readonly #host: StatusHost;
  readonly #region = new LiveRegion((announcement) => {
    this.announcement = announcement;
    this.#host.requestUpdate();
  });

  constructor(host: StatusHost) {
    this.#host = host;
  }

  /** UI texts in the element's language. */
  get messages(): Messages {
    return messagesFor(languageOf(this.#host));
  }

  /** Clears the last error; texts announced before may be announced again. */
  begin(): void {
    this.#region.stop();
    this.update({ error: undefined });
  }

  update(changes: Partial<Facts>): void {
    const previous = stateOf(this.facts);
    this.facts = { ...this.facts, ...changes };
    const state = stateOf(this.facts);
    this.#host.requestUpdate();
    if (state !== previous) this.#host.stateChanged(state, previous);
  }

  announce(text: string, lang?: string): void {
    this.#region.announce({ text, ...(lang && { lang }) });
  }

  /** An abort is no failure. */
  report(fact: "error" | "interruption", error: VlmError): void {
    if (error.code === "aborted") return;
    this.update({ [fact]: error });
    const { code, message, advice } = error;
    emit(this.#host, "error", { code, message, advice });
    const shown = failureText(error, this.messages);
    this.announce(`${shown.message} ${shown.advice}`, shown.lang);
  }

  reset(): void {
    this.#region.stop();
    this.update(noFacts);
  }
}
