import { svg, type TemplateResult } from "lit";

const icon = (shape: TemplateResult): TemplateResult =>
  svg`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true">${shape}</svg>`;

/** Drawn with lines of the text's colour; the button's text or label says what it does. */
export const icons = {
  camera: icon(
    svg`<path d="M4 7.5h3l1.7-2.5h6.6L17 7.5h3a1 1 0 0 1 1 1V18a1 1 0 0 1-1 1H4a1 1 0 0 1-1-1V8.5a1 1 0 0 1 1-1Z" /><circle cx="12" cy="13" r="3.5" />`,
  ),
  play: icon(svg`<path d="M8.5 6v12l9.5-6Z" />`),
  freeze: icon(svg`<path d="M8.5 5.5v13M15.5 5.5v13" />`),
  stop: icon(svg`<rect x="6.5" y="6.5" width="11" height="11" rx="1.5" />`),
  close: icon(svg`<path d="m6 6 12 12M18 6 6 18" />`),
} as const;
