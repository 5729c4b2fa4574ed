import { html, nothing, svg, type TemplateResult } from "lit";
import type { VlmError } from "../shared/errors";
import type { Announcement } from "./live-region";
import type { ProgressDetail } from "./events";
import { languageOf } from "./languages";
import { lookingNow } from "./lazy";
import type { State } from "./state";
import { failureText, type Messages } from "./messages";

/** What there is to show. */
export interface ViewModel {
  readonly models: { readonly progress: ProgressDetail | undefined };
  readonly said: { readonly text: string; readonly stale: boolean };
  readonly shows: "nothing" | "video" | "still" | "elsewhere";
  /** Whether there is something to start, to stop, or to go on with. */
  readonly can: "start" | "stop" | "nothing";
  readonly stage: {
    readonly video: HTMLVideoElement;
    readonly canvas: HTMLCanvasElement;
    readonly open: boolean;
    readonly isStill: boolean;
    readonly frozen: boolean;
  };
  readonly status: {
    readonly words: Messages;
    /** For assistive technology; never the text that streams. */
    readonly announcement: Announcement;
  };
}

export interface ViewHost extends Element {
  readonly state: State;
  readonly error: VlmError | undefined;
  readonly mutedText: boolean;
  /** The buttons do nothing. */
  readonly isDisabled: boolean;
  start(): Promise<void>;
  stop(): void;
  freeze(): Promise<void>;
  resume(): void;
  cancelLoad(): void;
}

const circle = svg`<circle cx="8" cy="8" r="4.5" />`;

export function view(model: ViewModel, host: ViewHost): TemplateResult {
  const { shows } = model;
  const { state, error } = host;
  const { progress } = model.models;
  const { words, announcement } = model.status;
  const { video, canvas } = model.stage;
  const rest = lookingNow();
  const root = host.shadowRoot;
  const cancel = (): void => host.cancelLoad();
  const language = languageOf(host);
  video.hidden = shows !== "video";
  canvas.hidden = shows !== "still";
  return html`
    <div class="stage" part="stage" data-shows=${shows} lang=${words.lang}>
      ${video}${canvas}
      <div class="poster" part="poster" ?hidden=${shows !== "nothing"}>
        <slot name="poster"></slot>
      </div>
      <div class="overlay" part="overlay"><slot name="overlay"></slot></div>
      <div class="status" part="status" data-state=${state}>
        <svg viewBox="0 0 16 16" aria-hidden="true">
          ${rest?.icons[state] ?? circle}
        </svg>
        ${words.states[state]}
      </div>
      ${
        root && progress
          ? rest?.progressBar(root, progress, words, cancel)
          : nothing
      }
    </div>
    <div
      class="caption"
      part="caption"
      role="group"
      aria-label=${words.caption}
      lang=${words.lang}
      tabindex="0"
      ?hidden=${host.mutedText && !error}
    >
      ${error ? failure(error, words) : caption(model, state, language)}
    </div>
    <slot name="controls">${controls(model, host)}</slot>
    <div
      class="announcer"
      role="status"
      lang=${announcement.lang ?? language}
      .textContent=${announcement.text}
    ></div>
  `;
}

function caption(
  { said, status }: ViewModel,
  state: State,
  language: string,
): TemplateResult {
  const { text, stale } = said;
  if (!text) return html`<p class="hint" part="hint">${status.words.hint}</p>`;
  const streaming = state === "speaking" && !stale;
  // White space in the template would be shown, too.
  return html`<p
    part="text"
    lang=${language}
    ?data-stale=${stale}
    ?data-streaming=${streaming}
    .textContent=${text}
  ></p>`;
}

function failure(error: VlmError, words: Messages): TemplateResult {
  const { message, advice, lang } = failureText(error, words);
  return html`<div class="failure" part="error" lang=${lang}>
    <slot name="error"><strong>${message}</strong> ${advice}</slot>
  </div>`;
}

function controls(
  { can, shows, stage, status }: ViewModel,
  host: ViewHost,
): TemplateResult | typeof nothing {
  if (can === "nothing") return nothing;
  const { words } = status;
  const stops = can === "stop";
  // What fails, an event tells.
  const toggle = (): void => {
    if (stops) host.stop();
    else host.start().catch(() => undefined);
  };
  const hold = (): void => {
    if (stage.frozen) host.resume();
    else host.freeze().catch(() => undefined);
  };
  return html`<div class="controls" part="controls" lang=${words.lang}>
    <button
      part=${stops ? "button stop" : "button start"}
      type="button"
      ?disabled=${host.isDisabled}
      @click=${toggle}
    >
      ${stops ? words.stop : words.start}
    </button>
    <button
      part=${stage.frozen ? "button resume" : "button freeze"}
      type="button"
      ?disabled=${host.isDisabled || shows === "nothing"}
      ?hidden=${!stage.open || stage.isStill}
      @click=${hold}
    >
      ${stage.frozen ? words.resume : words.freeze}
    </button>
  </div>`;
}
