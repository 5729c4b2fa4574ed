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
  close: icon(svg`<path d="m6 6 12 12M18 6 6 18" />`),
  zoom: icon(
    svg`<circle cx="10.5" cy="10.5" r="6" /><path d="m15 15 5 5M10.5 8v5M8 10.5h5" />`,
  ),
  switch: icon(
    svg`<path d="M20 11a8 8 0 0 0-14-4.5L4 8.5M4 4.5v4h4M4 13a8 8 0 0 0 14 4.5l2-2M20 19.5v-4h-4" />`,
  ),
  torch: icon(svg`<path d="M13 3 6 13.5h5L10.5 21 18 10.5h-5.5Z" />`),
  pictureInPicture: icon(
    svg`<rect x="3" y="5" width="18" height="14" rx="2" /><path d="M12 12h6v4.5h-6Z" />`,
  ),
  fullScreen: icon(svg`<path d="M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5" />`),
} as const;
