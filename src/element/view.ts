import { html, nothing, svg, type TemplateResult } from "lit";
import type { VlmError } from "../shared/errors";
import type { ProgressDetail } from "./events";
import { progressBar } from "./progress";
import type { State } from "./state";

/** What there is to show, besides state and error. */
export interface ViewModel {
  readonly models: { readonly progress: ProgressDetail | undefined };
  readonly text: string;
  readonly stale: boolean;
  readonly shows: "nothing" | "video" | "still";
  readonly stage: {
    readonly video: HTMLVideoElement;
    readonly canvas: HTMLCanvasElement;
  };
  /** What assistive technology is told; never the text that streams. */
  readonly status: { readonly announcement: string };
}

const labels: Readonly<Record<State, string>> = {
  idle: "Idle",
  loading: "Loading",
  warming: "Warming up",
  ready: "Ready",
  seeing: "Seeing",
  speaking: "Speaking",
  paused: "Paused",
  failed: "Failed",
};

/** One shape for each state, as colour alone says nothing to some. */
const icons: Readonly<Record<State, TemplateResult>> = {
  idle: svg`<circle cx="8" cy="8" r="4.5" />`,
  loading: svg`<path d="M8 2.5v8M4.5 7.5 8 11l3.5-3.5M3 13.5h10" />`,
  warming: svg`<path class="spin" d="M8 2.5a5.5 5.5 0 1 1-5.5 5.5" />`,
  ready: svg`<path d="m3 8.5 3.5 3.5L13 4.5" />`,
  seeing: svg`<path d="M1.5 8C3 5 5.3 3.5 8 3.5S13 5 14.5 8c-1.5 3-3.8 4.5-6.5 4.5S3 11 1.5 8Z" /><circle cx="8" cy="8" r="2" />`,
  speaking: svg`<path d="M2.5 3.5h11v7h-6l-3 3v-3h-2z" />`,
  paused: svg`<path d="M5.5 3.5v9M10.5 3.5v9" />`,
  failed: svg`<path d="M8 2v7.5M8 13v.2" />`,
};

export function view(
  model: ViewModel,
  state: State,
  error: VlmError | undefined,
  cancelLoad: () => void,
): TemplateResult {
  const { shows } = model;
  const { progress } = model.models;
  const { video, canvas } = model.stage;
  video.hidden = shows !== "video";
  canvas.hidden = shows !== "still";
  return html`
    <div class="stage" part="stage">
      ${video}${canvas}
      <div class="empty" part="empty" ?hidden=${shows !== "nothing"}>
        <slot name="empty"></slot>
      </div>
      <div class="status" part="status" data-state=${state}>
        <svg viewBox="0 0 16 16" aria-hidden="true">${icons[state]}</svg>
        ${labels[state]}
      </div>
      ${progress ? progressBar(progress, cancelLoad) : nothing}
    </div>
    <div
      class="caption"
      part="caption"
      role="group"
      aria-label="Caption"
      tabindex="0"
    >
      ${error ? failure(error) : caption(model, state)}
    </div>
    <div class="announcer" role="status">${model.status.announcement}</div>
  `;
}

function caption({ text, stale }: ViewModel, state: State): TemplateResult {
  const streaming = state === "speaking" && !stale;
  // Not a space or line break around the text: they would be shown.
  const said = text || html`<slot name="hint"></slot>`;
  return html`<p ?data-stale=${stale} ?data-streaming=${streaming}>${said}</p>`;
}

function failure({ message, advice }: VlmError): TemplateResult {
  return html`<p class="failure" part="error">
    <strong>${message}</strong> ${advice}
  </p>`;
}
