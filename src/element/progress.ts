import { html, nothing, type TemplateResult } from "lit";
import type { ProgressDetail } from "./events";
import { amountText, phaseText } from "./progress-text";

/** How far loading has come. */
export function progressBar(
  progress: ProgressDetail,
  cancel: () => void,
): TemplateResult {
  const amount = amountText(progress);
  const { loaded, total } = progress;
  return html`
    <div class="progress" part="progress">
      <div class="doing">
        <span>${phaseText(progress)}</span>
        <button class="cancel" part="cancel" type="button" @click=${cancel}>
          Cancel
        </button>
      </div>
      ${
        amount
          ? html`<progress
                aria-label="Loading the model"
                max=${total}
                .value=${Math.min(loaded, total)}
              ></progress>
              <div>${amount}</div>`
          : html`<progress aria-label="Starting the model"></progress
              >${nothing}`
      }
    </div>
  `;
}
