import { html, nothing, type TemplateResult } from "lit";
import type { ProgressDetail, Texts } from "../../index";
import { progressPart, progressText } from "../../element/progress-text";

/** Progress of a load; `label` names the bar. */
export function downloadProgress(
  progress: ProgressDetail,
  label: string,
  texts: Texts,
): TemplateResult {
  return html`
    <div id="download" class="download">
      <p id="download-text" class="note">${progressText(progress, texts)}</p>
      <progress
        id="download-bar"
        aria-label=${label}
        value=${progressPart(progress) ?? nothing}
      ></progress>
    </div>
  `;
}
