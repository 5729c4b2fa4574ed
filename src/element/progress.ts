import { html, nothing, type TemplateResult } from "lit";
import { adoptStyles } from "./adopt-styles";
import type { ProgressDetail } from "./events";
import { progressStyles } from "./progress-styles";
import { amountText, phaseText } from "./progress-text";
import type { Messages } from "./messages";

/** How far loading has come, in `root`, which gets its styles with it. */
export function progressBar(
  root: ShadowRoot,
  progress: ProgressDetail,
  words: Messages,
  cancel: () => void,
): TemplateResult {
  adoptStyles(root, progressStyles);
  const amount = amountText(progress, words);
  const { loaded, total } = progress;
  const phase = phaseText(progress, words);
  const giveUp = (): void => {
    cancel();
    // The button goes away: the keyboard stays in the element.
    root.querySelector<HTMLElement>("[part=caption]")?.focus();
  };
  return html`
    <div class="progress" part="progress">
      <div class="doing">
        <span>${phase}</span>
        <button part="button cancel" type="button" @click=${giveUp}>
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
