import { html, type TemplateResult } from "lit";
import { forgetChoices } from "./address";
import type { Page } from "./page";

/** Opens the page again without what was chosen. */
export function resetButton({ texts }: Page): TemplateResult {
  return html`<button class="link reset" type="button" @click=${forgetChoices}>
    ${texts.reset}
  </button>`;
}
