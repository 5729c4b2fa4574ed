import { html, nothing, type TemplateResult } from "lit";
import type { ProgressDetail } from "./events";
import { amountText, phaseText } from "./progress-text";
import type { Words } from "./words";

/** How far loading has come. */
export function progressBar(
  progress: ProgressDetail,
  words: Words,
  cancel: () => void,
): TemplateResult {
  const amount = amountText(progress, words);
  const { loaded, total } = progress;
  const phase = phaseText(progress, words);
  return html`
    <div class="progress" part="progress">
      <div class="doing">
        <span>${phase}</span>
        <button part="button cancel" type="button" @click=${cancel}>
          ${words.cancel}
        </button>
      </div>
      ${
        amount
          ? html`<progress
                aria-label=${phase}
                max=${total}
                .value=${Math.min(loaded, total)}
              ></progress>
              <div>${amount}</div>`
          : html`<progress aria-label=${phase}></progress>${nothing}`
      }
    </div>
  `;
}
