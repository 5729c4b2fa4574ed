import { byId } from "./dom";
import type { Page } from "./page";

/**
 * Switches between the start state and the running state, for the style sheet, and
 * translates the static texts of the page.
 */
export function setUpPhase(page: Page): void {
  const { vlm } = page;
  const start = byId("start", HTMLElement);
  const bar = byId("control-bar", HTMLElement);
  const useCamera = (): HTMLElement => byId("use-camera", HTMLButtonElement);
  let shown = false;
  let opened = false;
  page.onUpdate(() => {
    const { shows, opening, texts } = page;
    const focused = document.activeElement;
    document.body.dataset["phase"] = shows ? "running" : "start";
    document.body.toggleAttribute("data-opening", opening);
    document.body.toggleAttribute("data-failed", vlm.error !== undefined);
    // What was clicked is hidden now, or there are more buttons than “Cancel”.
    const moves =
      (shows && !shown && start.contains(focused)) ||
      (opened && !opening && bar.contains(focused));
    if (moves) bar.querySelector("button")?.focus({ preventScroll: true });
    if (!shows && shown && bar.contains(focused)) {
      // The element shows the start state first.
      void vlm.updateComplete.then(() => useCamera().focus());
    }
    // The picture may be above the screen if the start state was a long one.
    if (shows && !shown) scrollTo({ top: 0 });
    shown = shows;
    opened = opening;
    for (const element of document.querySelectorAll<HTMLElement>(
      "[data-text]",
    )) {
      const text =
        texts.titles[element.dataset["text"] as keyof typeof texts.titles];
      if (element.textContent !== text) element.textContent = text;
    }
  });
}
