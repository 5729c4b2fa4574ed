import type { FastVlmElement } from "../../index";
import { byId, onCheck } from "./dom";

export interface Actions {
  /** Starts the source; the element shows errors. */
  start(): void;
  stop(): void;
  /** Updates the visible buttons. */
  update(): void;
}

/** The buttons Start/Stop, Ask and Resume. */
export function setUpActions(vlm: FastVlmElement): Actions {
  const toggle = byId("toggle", HTMLButtonElement);
  const ask = byId("ask", HTMLButtonElement);
  const resume = byId("resume", HTMLButtonElement);
  const mode = byId("mode", HTMLFieldSetElement);
  let asking: AbortController | undefined;
  let wantsLive = true;

  const update = (): void => {
    const started = vlm.open;
    const isImage = vlm.source === "image";
    vlm.live = wantsLive && !isImage;
    mode.hidden = isImage;
    toggle.hidden = isImage;
    toggle.textContent = started ? "Stop" : "Start";
    const missing = vlm.source === "video" ? !vlm.file : vlm.source === "none";
    toggle.disabled = !started && missing;
    ask.hidden = vlm.live || !(started || isImage);
    ask.disabled = isImage && !vlm.file;
    ask.textContent = asking ? "Stop answer" : "Ask";
    ask.classList.toggle("primary", isImage);
    resume.hidden = isImage || !started || vlm.live || !vlm.frozen || !!asking;
  };

  const start = (): void => {
    vlm.start().then(update, update);
    update();
  };
  const stop = (): void => {
    vlm.stop();
    update();
  };

  const answer = async (): Promise<void> => {
    const controller = new AbortController();
    asking = controller;
    update();
    try {
      await vlm.freeze();
      await vlm.ask(undefined, { signal: controller.signal });
    } catch {
      // The element shows the error.
    } finally {
      asking = undefined;
      update();
    }
  };

  toggle.addEventListener("click", () => (vlm.open ? stop() : start()));
  ask.addEventListener("click", () => {
    if (asking) asking.abort();
    else void answer();
  });
  byId("prompt", HTMLInputElement).addEventListener("keydown", ({ key }) => {
    if (key === "Enter" && !ask.hidden) ask.click();
  });
  resume.addEventListener("click", () => {
    vlm.resume();
    update();
    ask.focus();
  });
  onCheck("mode", (value) => {
    wantsLive = value === "live";
    vlm.resume();
    update();
  });

  vlm.addEventListener("statechange", update);
  vlm.addEventListener("ended", update);

  return { start, stop, update };
}
