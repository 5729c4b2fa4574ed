import type { FastVlmElement } from "../../index";
import { byId, onCheck } from "./dom";

export interface Actions {
  /** Starts the source; what fails, the element shows. */
  start(): void;
  stop(): void;
  /** Shows the buttons that make sense now. */
  update(): void;
}

/** Start and Stop, and for single pictures Ask and Resume. */
export function setUpActions(vlm: FastVlmElement): Actions {
  const toggle = byId("toggle", HTMLButtonElement);
  const ask = byId("ask", HTMLButtonElement);
  const resume = byId("resume", HTMLButtonElement);
  const mode = byId("mode", HTMLFieldSetElement);
  let asking: AbortController | undefined;
  let wantsLive = true;

  const update = (): void => {
    const started = vlm.open;
    const picture = vlm.source === "picture";
    vlm.live = wantsLive && !picture;
    mode.hidden = picture;
    toggle.hidden = picture;
    toggle.textContent = started ? "Stop" : "Start";
    const missing = vlm.source === "video" ? !vlm.file : vlm.source === "none";
    toggle.disabled = !started && missing;
    ask.hidden = vlm.live || !(started || picture);
    ask.disabled = picture && !vlm.file;
    ask.textContent = asking ? "Stop answer" : "Ask";
    ask.classList.toggle("primary", picture);
    resume.hidden = picture || !started || vlm.live || !vlm.frozen || !!asking;
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
      // The element says what failed.
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
