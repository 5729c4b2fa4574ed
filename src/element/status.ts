import type { VlmError } from "../shared/errors";
import { emit } from "./events";
import { languageOf, textsFor } from "./languages";
import { LiveRegion, type Announcement } from "./live-region";
import { failureText, type Texts } from "./texts";
import {
  initialConditions,
  stateOf,
  type Conditions,
  type State,
} from "./state";

export interface StatusHost extends Element {
  requestUpdate(): void;
  stateChanged(state: State, previous: State): void;
}

interface ShownCaption {
  readonly text: string;
  /** The next caption replaces it with its first token. */
  readonly stale: boolean;
  /** It ends before the answer did. */
  readonly cutOff: boolean;
}

export const noCaption: ShownCaption = {
  text: "",
  stale: false,
  cutOff: false,
};

/** What the element reports: as events, in the view and to assistive technology. */
export class Status {
  conditions: Conditions = initialConditions;
  caption = noCaption;
  /** For assistive technology; never the text that streams. */
  announcement: Announcement = { text: "" };
  readonly #host: StatusHost;
  readonly #region = new LiveRegion((announcement) => {
    this.announcement = announcement;
    this.#host.requestUpdate();
  });

  constructor(host: StatusHost) {
    this.#host = host;
  }

  get state(): State {
    return stateOf(this.conditions);
  }

  /** UI texts in the element's language. */
  get texts(): Texts {
    return textsFor(languageOf(this.#host));
  }

  /** Clears the last error; texts announced before may be announced again. */
  begin(): void {
    this.#region.stop();
    this.update({ error: undefined });
  }

  update(changes: Partial<Conditions>): void {
    const previous = this.state;
    this.conditions = { ...this.conditions, ...changes };
    this.#host.requestUpdate();
    const { state } = this;
    if (state !== previous) this.#host.stateChanged(state, previous);
  }

  announce(text: string, lang?: string): void {
    this.#region.announce({ text, ...(lang && { lang }) });
  }

  /** An abort is no failure. */
  report(condition: "error" | "interruption", error: VlmError): void {
    if (error.code === "aborted") return;
    this.update({ [condition]: error });
    const { code, message, advice } = error;
    emit(this.#host, "error", { code, message, advice });
    const shown = failureText(error, this.texts);
    this.announce(`${shown.message} ${shown.advice}`, shown.lang);
  }

  reset(): void {
    this.#region.stop();
    this.update(initialConditions);
  }
}
