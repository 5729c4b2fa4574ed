import { html, nothing } from "lit";
import { byId } from "./dom";
import { icons } from "./icons";
import { setUpRegion, type Page } from "./page";

/** On the picture: what is waited for, and that the picture is frozen. */
export function setUpStageNote(page: Page): void {
  const { vlm } = page;
  for (const type of ["loadeddata", "emptied"]) {
    vlm.video.addEventListener(type, () => page.update());
  }
  setUpRegion(page, byId("stage-note", HTMLElement), () => {
    const { texts, looking } = page;
    if (!vlm.open || page.waits) return nothing;
    if (vlm.frozen) {
      return html`<p class="badge">${icons.freeze}${texts.frozen}</p>`;
    }
    if (vlm.video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA) {
      return nothing;
    }
    if (looking?.kind === "camera") return html`<p>${texts.allowCamera}</p>`;
    if (looking?.kind === "screen") return html`<p>${texts.chooseScreen}</p>`;
    return nothing;
  });
}
