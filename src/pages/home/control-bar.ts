import { html, nothing } from "lit";
import { byId } from "./dom";
import { icons } from "./icons";
import { setUpRegion, type Page } from "./page";
import type { Sources } from "./sources";

/** What can be done with what is open. */
export function setUpControlBar(page: Page, sources: Sources): void {
  const { vlm } = page;
  const bar = byId("control-bar", HTMLElement);
  const toggle = (): void => {
    if (vlm.frozen) vlm.resume();
    // The element shows the error.
    else vlm.freeze().catch(() => undefined);
    page.update();
  };
  const close = (): void => {
    sources.close();
    byId("use-camera", HTMLButtonElement).focus();
  };

  setUpRegion(page, bar, () => {
    const { texts } = page;
    const isLive = vlm.open;
    return html`
      ${
        isLive
          ? html`<button
              id="freeze"
              class="primary"
              type="button"
              @click=${toggle}
            >
              ${
                vlm.frozen
                  ? html`${icons.play}${texts.resume}`
                  : html`${icons.freeze}${texts.freeze}`
              }
            </button>`
          : nothing
      }
      <button id="stop" type="button" @click=${close}>
        ${
          isLive
            ? html`${icons.stop}${texts.stop}`
            : html`${icons.close}${texts.close}`
        }
      </button>
    `;
  });
}
