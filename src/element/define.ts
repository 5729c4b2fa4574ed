import { FastVlmElement } from "./fast-vlm";

// Two copies of the library on one page: the first one keeps the name.
if (!customElements.get("fast-vlm")) {
  customElements.define("fast-vlm", FastVlmElement);
}

declare global {
  interface HTMLElementTagNameMap {
    "fast-vlm": FastVlmElement;
  }
}
