import { svg, type TemplateResult } from "lit";
import type { State } from "./state";

/** One shape for each state, as colour alone says nothing to some; the circle
 * of `idle` is there before these. */
export const icons: Readonly<Partial<Record<State, TemplateResult>>> = {
  loading: svg`<path d="M8 2.5v8M4.5 7.5 8 11l3.5-3.5M3 13.5h10" />`,
  warming: svg`<path class="spin" d="M8 2.5a5.5 5.5 0 1 1-5.5 5.5" />`,
  ready: svg`<path d="m3 8.5 3.5 3.5L13 4.5" />`,
  seeing: svg`<path d="M1.5 8C3 5 5.3 3.5 8 3.5S13 5 14.5 8c-1.5 3-3.8 4.5-6.5 4.5S3 11 1.5 8Z" /><circle cx="8" cy="8" r="2" />`,
  speaking: svg`<path d="M2.5 3.5h11v7h-6l-3 3v-3h-2z" />`,
  paused: svg`<path d="M5.5 3.5v9M10.5 3.5v9" />`,
  failed: svg`<path d="M8 2v7.5M8 13v.2" />`,
};
