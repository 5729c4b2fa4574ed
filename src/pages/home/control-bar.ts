import { html, nothing, type TemplateResult } from "lit";
import { Camera, type ZoomRange } from "./camera";
import { byId } from "./dom";
import { icons } from "./icons";
import { setUpRegion, type Page } from "./page";
import type { Sources } from "./sources";

/** What can be done with what is open; only what works here is offered. */
export function setUpControlBar(page: Page, sources: Sources): void {
  const { vlm } = page;
  const { video } = vlm;
  const bar = byId("control-bar", HTMLElement);
  const stage = byId("stage", HTMLElement);
  const camera = new Camera(page);

  const toggle = (): void => {
    if (vlm.frozen) vlm.resume();
    // The element shows the error.
    else vlm.freeze().catch(() => undefined);
    page.update();
  };
  const isFull = (): boolean => document.fullscreenElement === stage;
  const toggleFull = (): void => {
    const done = isFull()
      ? document.exitFullscreen()
      : stage.requestFullscreen();
    done.catch(() => undefined);
  };
  const isInPicture = (): boolean => document.pictureInPictureElement !== null;
  const togglePicture = (): void => {
    const done = isInPicture()
      ? document.exitPictureInPicture()
      : video.requestPictureInPicture();
    Promise.resolve(done).catch(() => undefined);
  };
  const update = (): void => page.update();
  document.addEventListener("fullscreenchange", update);
  for (const type of ["enterpictureinpicture", "leavepictureinpicture"]) {
    video.addEventListener(type, update);
  }

  page.onUpdate(() => {
    if (page.looking) return;
    if (isFull()) toggleFull();
    if (isInPicture()) togglePicture();
  });

  const main = (): TemplateResult => {
    const { texts, opening } = page;
    const isLive = vlm.open && !opening;
    const freeze = html`<button
      id="freeze"
      class="primary"
      type="button"
      @click=${toggle}
    >
      ${vlm.frozen ? icons.play : icons.freeze}
      ${vlm.frozen ? texts.resume : texts.freeze}
    </button>`;
    return html`
      ${isLive ? freeze : nothing}
      <button id="stop" type="button" @click=${() => sources.close()}>
        ${icons.close} ${opening ? texts.cancel : texts.close}
      </button>
    `;
  };

  const zoomSlider = ({ min, max, step = 0.1 }: ZoomRange): TemplateResult =>
    html`<label id="zoom">
      ${icons.zoom}<span class="unseen">${page.texts.zoom}</span>
      <input
        type="range"
        min=${min}
        max=${max}
        step=${step}
        .value=${String(camera.zoom)}
        @input=${({ target }: Event) =>
          camera.setZoom((target as HTMLInputElement).valueAsNumber)}
      />
    </label>`;

  setUpRegion(page, bar, () => {
    const { texts, opening } = page;
    const isLive = vlm.open && !vlm.frozen && !opening;
    const range = isLive ? camera.zoomRange : undefined;
    const buttons: readonly (Tool & { readonly offered: boolean })[] = [
      {
        id: "switch-camera",
        offered: vlm.open && !opening && camera.hasOther,
        icon: icons.switch,
        label: texts.switchCamera,
        act: () => camera.switch(),
      },
      {
        id: "torch",
        offered: isLive && camera.hasTorch,
        icon: icons.torch,
        label: texts.torch,
        pressed: camera.torch,
        act: () => camera.setTorch(!camera.torch),
      },
      {
        id: "picture-in-picture",
        offered: isInPicture() || (isLive && document.pictureInPictureEnabled),
        icon: icons.pictureInPicture,
        label: texts.pictureInPicture,
        pressed: isInPicture(),
        act: togglePicture,
      },
      {
        id: "full-screen",
        offered: document.fullscreenEnabled && !opening,
        icon: icons.fullScreen,
        label: texts.fullScreen,
        pressed: isFull(),
        act: toggleFull,
      },
    ];
    return html`${main()}
      <span class="control-tools"
        >${range ? zoomSlider(range) : nothing}
        ${buttons.filter(({ offered }) => offered).map(toolButton)}</span
      >`;
  });
}

/** A button with an icon only. */
interface Tool {
  readonly id: string;
  readonly icon: TemplateResult;
  readonly label: string;
  /** Of a switch. */
  readonly pressed?: boolean;
  readonly act: () => void;
}

function toolButton({ id, icon, label, pressed, act }: Tool): TemplateResult {
  return html`<button
    id=${id}
    class="tool"
    type="button"
    title=${label}
    aria-label=${label}
    aria-pressed=${pressed === undefined ? nothing : pressed}
    @click=${act}
  >
    ${icon}
  </button>`;
}
