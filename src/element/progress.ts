import { html, nothing, type TemplateResult } from "lit";
import type { ProgressDetail } from "./events";

const doing: Readonly<Record<ProgressDetail["phase"], string>> = {
  loading: "Loading the model",
  preparing: "Preparing the model",
  warming: "Warming up the model",
};

/** How far loading has come: bytes, their rate, the time left. */
export function progressBar(
  progress: ProgressDetail,
  cancel: () => void,
): TemplateResult {
  const { phase, loaded, total, elsewhere } = progress;
  const known = phase === "loading" && total > 0;
  return html`
    <div class="progress" part="progress">
      <div class="doing">
        <span
          >${elsewhere ? "Another tab is downloading the model" : doing[phase]}</span
        >
        <button class="cancel" part="cancel" type="button" @click=${cancel}>
          Cancel
        </button>
      </div>
      ${
        known
          ? html`<progress
              aria-label=${doing[phase]}
              max=${total}
              .value=${Math.min(loaded, total)}
            ></progress>`
          : html`<progress aria-label=${doing[phase]}></progress>`
      }
      ${known ? html`<div class="bytes">${amounts(progress)}</div>` : nothing}
    </div>
  `;
}

/** `12.3 of 45.6 MB · 27 % · 5.1 MB/s · 7 s left`, as far as it is known. */
export function amounts(progress: ProgressDetail): string {
  const { loaded, total, rate, left } = progress;
  const percent = Math.min(100, Math.floor((100 * loaded) / total));
  const known = [`${mega(loaded)} of ${mega(total)} MB`, `${percent} %`];
  if (rate > 0) known.push(`${mega(rate)} MB/s`);
  if (left !== undefined) known.push(`${duration(left)} left`);
  return known.join(" · ");
}

const mega = (count: number): string => (count / 1e6).toFixed(1);

/** Rounded up: nobody minds being early. */
function duration(seconds: number): string {
  if (seconds < 60) return `${Math.ceil(seconds)} s`;
  if (seconds < 3600) return `${Math.ceil(seconds / 60)} min`;
  const minutes = Math.ceil(seconds / 60);
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
