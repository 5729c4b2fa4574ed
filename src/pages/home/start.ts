import { html, nothing, type TemplateResult } from "lit";
import { byId } from "./dom";
import { isDemo } from "./address";
import { icons } from "./icons";
import { setUpRegion, type Page } from "./page";
import { resetButton } from "./reset-button";
import { sampleNames, sampleThumbnail } from "./samples";
import type { Sources } from "./sources";

/** The start state, in the stage: everything that can be opened, one click each. */
export function setUpStart(page: Page, sources: Sources): void {
  const thumbnails = sampleNames.map((sample) => ({
    sample,
    canvas: sampleThumbnail(sample),
  }));
  const choose = (): void => byId("file", HTMLInputElement).click();
  const chosen = ({ target }: Event): void => {
    const input = target as HTMLInputElement;
    const files = [...(input.files ?? [])];
    // Emptied, so that the same file can be chosen again.
    input.value = "";
    sources.openFiles(files);
  };
  const canShareScreen = "getDisplayMedia" in (navigator.mediaDevices ?? {});

  const cameraButton = (style: "primary" | "link"): TemplateResult => html`
    <button
      id="use-camera"
      class=${style}
      type="button"
      @click=${() => sources.open({ kind: "camera" })}
    >
      ${icons.camera}${page.waits ? page.texts.tryCameraAgain : page.texts.useCamera}
    </button>
  `;
  const screenButton = (style: "primary" | "link"): TemplateResult => html`
    <button
      id="share-screen"
      class=${style}
      type="button"
      @click=${() => sources.open({ kind: "screen" })}
    >
      ${page.texts.shareScreen}
    </button>
  `;

  setUpRegion(page, byId("start", HTMLElement), () => {
    const { texts } = page;
    const offersScreen = page.suggested === "screen" && canShareScreen;
    return html`
      ${offersScreen ? screenButton("primary") : cameraButton("primary")}
      <p id="samples-title">${texts.orSample}</p>
      <ul class="samples" aria-labelledby="samples-title">
        ${thumbnails.map(
          ({ sample, canvas }) =>
            html`<li>
              <button
                type="button"
                data-sample=${sample}
                @click=${() => sources.open({ kind: "sample", sample })}
              >
                <span class="thumbnail"
                  >${canvas}${sample === "clip" ? icons.play : nothing}</span
                >
                ${texts.samples[sample]}
              </button>
            </li>`,
        )}
      </ul>
      <p class="ways">
        <button id="open-file" class="link" type="button" @click=${choose}>
          ${texts.openFile}
        </button>
        ${offersScreen ? cameraButton("link") : nothing}
        ${canShareScreen && !offersScreen ? screenButton("link") : nothing}
      </p>
      <input
        id="file"
        type="file"
        accept="image/*,video/*"
        aria-label=${texts.openFile}
        hidden
        @change=${chosen}
      />
      <p id="drop-hint" class="note">${texts.dropHint}</p>
      ${isDemo(page.vlm) ? html`<p id="demo-limits" class="note">${texts.limits(page.vlm.model)}</p>` : nothing}
      <p id="readiness" class="note">${readiness(page)}</p>
      ${page.vlm.error?.code === "bad-option" ? resetButton(page) : nothing}
    `;
  });
}

/** Whether the model is loaded. */
function readiness({ vlm, texts }: Page): string {
  const { info, progress } = vlm;
  const name = info?.name ?? vlm.model;
  const model = isDemo(vlm) ? texts.demoModel(name) : name;
  if (!progress)
    return info ? texts.modelReady(model) : texts.modelMissing(model);
  const { phase, loaded, total, done = 0, steps = 0 } = progress;
  return phase === "loading"
    ? texts.modelLoading(model, percent(loaded, total))
    : texts.modelPreparing(model, percent(done, steps));
}

function percent(done: number, all: number): string {
  return all === 0 ? "" : `${Math.floor((100 * done) / all)} %`;
}
