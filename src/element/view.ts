import { html, nothing, svg, type TemplateResult } from "lit";
import type { VlmError } from "../shared/errors";
import type { ModelInfo } from "../shared/protocol";
import type { Controller } from "./controller";
import type { ProgressDetail } from "./events";
import { languageOf } from "./languages";
import { failureText, type Texts } from "./texts";
import { amountText, phaseText, progressPart } from "./progress-text";
import type { State } from "./state";

interface ViewHost extends Element {
  readonly state: State;
  readonly error: VlmError | undefined;
  readonly info: ModelInfo | undefined;
  readonly mutedText: boolean;
  readonly isDisabled: boolean;
  start(): Promise<void>;
  stop(): void;
  freeze(): Promise<void>;
  resume(): void;
  cancelLoad(): void;
}

/** What the badge shows: one word while live captions follow one another. */
type Badge = State | "live";

/** One shape for each state, since colour alone is not accessible. */
const icons: Readonly<Record<Badge, TemplateResult>> = {
  idle: svg`<circle cx="8" cy="8" r="4.5" />`,
  loading: svg`<path d="M8 2.5v8M4.5 7.5 8 11l3.5-3.5M3 13.5h10" />`,
  warming: svg`<path class="spin" d="M8 2.5a5.5 5.5 0 1 1-5.5 5.5" />`,
  ready: svg`<path d="m3 8.5 3.5 3.5L13 4.5" />`,
  seeing: svg`<path d="M1.5 8C3 5 5.3 3.5 8 3.5S13 5 14.5 8c-1.5 3-3.8 4.5-6.5 4.5S3 11 1.5 8Z" /><circle cx="8" cy="8" r="2" />`,
  speaking: svg`<path d="M2.5 3.5h11v7h-6l-3 3v-3h-2z" />`,
  live: svg`<circle cx="8" cy="8" r="2.5" fill="currentColor" /><circle cx="8" cy="8" r="6" />`,
  paused: svg`<path d="M5.5 3.5v9M10.5 3.5v9" />`,
  failed: svg`<path d="M8 2v7.5M8 13v.2" />`,
};

export function view(model: Controller, host: ViewHost): TemplateResult {
  const { shows } = model;
  const { state, error } = host;
  const { texts, announcement, conditions } = model.status;
  const { progress, live, activity } = conditions;
  const badge =
    live && (state === "seeing" || state === activity) ? "live" : state;
  const { video, canvas } = model.preview;
  const language = languageOf(host);
  video.hidden = shows !== "video";
  canvas.hidden = shows !== "still";
  return html`
    <div
      class="stage"
      part="stage"
      data-shows=${shows}
      lang=${texts.lang}
      .style=${`--fast-vlm-source-aspect: ${model.preview.aspect}`}
    >
      ${video}${canvas}
      <div class="poster" part="poster" ?hidden=${shows !== "nothing"}>
        <slot name="poster"></slot>
      </div>
      <div class="overlay" part="overlay"><slot name="overlay"></slot></div>
      <div
        class="status"
        part="status"
        data-state=${badge}
        title=${host.info?.deviceReason ?? nothing}
      >
        <svg viewBox="0 0 16 16" aria-hidden="true">${icons[badge]}</svg>
        ${badge === "live" ? texts.live : texts.states[badge]}
      </div>
      ${progress ? progressBar(progress, texts, host) : nothing}
    </div>
    <div
      class="caption"
      part="caption"
      role="group"
      aria-label=${texts.caption}
      lang=${texts.lang}
      tabindex="0"
      ?hidden=${host.mutedText && !error}
    >
      ${error ? failure(error, texts) : caption(model, state, language)}
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

function progressBar(
  progress: ProgressDetail,
  texts: Texts,
  host: ViewHost,
): TemplateResult {
  const phase = phaseText(progress, texts);
  const amount = amountText(progress, texts);
  const part = progressPart(progress);
  const cancel = (): void => {
    host.cancelLoad();
    // The button is removed: keep the keyboard focus in the element.
    host.shadowRoot?.querySelector<HTMLElement>("[part=caption]")?.focus();
  };
  return html`
    <div class="progress" part="progress">
      <div class="phase">
        <span>${phase}</span>
        <button part="button cancel" type="button" @click=${cancel}>
          ${texts.cancel}
        </button>
      </div>
      ${
        part === undefined
          ? html`<progress aria-label=${phase}></progress>`
          : html`<progress aria-label=${phase} .value=${part}></progress>`
      }
      ${amount ? html`<div>${amount}</div>` : nothing}
    </div>
  `;
}

function caption(
  { status }: Controller,
  state: State,
  language: string,
): TemplateResult {
  const { text, stale, cutOff } = status.caption;
  if (!text) {
    return html`<p class="hint" part="hint">${status.texts.hint}</p>`;
  }
  const streaming = state === "speaking" && !stale;
  // A property, since white space of a template would be displayed.
  return html`<p
    part="text"
    lang=${language}
    title=${cutOff ? status.texts.cutOff : nothing}
    ?data-cut=${cutOff}
    ?data-streaming=${streaming}
    .textContent=${cutOff ? `${text}…` : text}
  ></p>`;
}

function failure(error: VlmError, texts: Texts): TemplateResult {
  const { message, advice, lang } = failureText(error, texts);
  return html`<div class="failure" part="error" lang=${lang}>
    <slot name="error"><strong>${message}</strong> ${advice}</slot>
  </div>`;
}

function controls(
  { action, shows, preview, status }: Controller,
  host: ViewHost,
): TemplateResult | typeof nothing {
  if (!action) return nothing;
  const { texts } = status;
  const frozen = preview.still !== undefined;
  // The event `error` reports what fails.
  const toggle = ({ detail: clicks }: MouseEvent): void => {
    // The second click of a double click would stop what the first one started.
    if (clicks > 1) return;
    if (action === "stop") host.stop();
    else host.start().catch(() => undefined);
  };
  const toggleFreeze = (): void => {
    if (frozen) host.resume();
    else host.freeze().catch(() => undefined);
  };
  return html`<div class="controls" part="controls" lang=${texts.lang}>
    <button
      part="button ${action}"
      type="button"
      ?disabled=${host.isDisabled}
      @click=${toggle}
    >
      ${texts[action]}
    </button>
    <button
      part=${frozen ? "button resume" : "button freeze"}
      type="button"
      ?disabled=${host.isDisabled || shows === "nothing"}
      ?hidden=${!preview.open || preview.isStill}
      @click=${toggleFreeze}
    >
      ${frozen ? texts.resume : texts.freeze}
    </button>
  </div>`;
}
