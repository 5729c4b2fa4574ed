import { html, nothing } from "lit";
import { byId } from "./dom";
import { icons } from "./icons";
import { setUpRegion, type Page } from "./page";

/** On the picture: what is waited for, and that the picture is frozen. */
export function setUpStageNote(page: Page): void {
  const { vlm } = page;
  setUpRegion(page, byId("stage-note", HTMLElement), () => {
    const { texts, looking } = page;
    if (vlm.open && vlm.frozen) {
      return html`<p class="badge">${icons.freeze}${texts.frozen}</p>`;
    }
    if (!page.opening) return nothing;
    if (looking?.kind === "camera") return html`<p>${texts.allowCamera}</p>`;
    if (looking?.kind === "screen") return html`<p>${texts.chooseScreen}</p>`;
    return nothing;
  });
}
