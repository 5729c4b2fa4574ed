import { byId } from "./dom";
import type { Page } from "./page";

/**
 * Switches between the start state and the running state, for the style sheet, and
 * translates the static texts of the page.
 */
export function setUpPhase(page: Page): void {
  const start = byId("start", HTMLElement);
  let shown = false;
  page.onUpdate(() => {
    const { shows, texts } = page;
    const hadFocus = start.contains(document.activeElement);
    document.body.dataset["phase"] = shows ? "running" : "start";
    document.body.toggleAttribute("data-failed", page.vlm.error !== undefined);
    if (shows && !shown) {
      // What was clicked is hidden now.
      if (hadFocus) {
        byId("control-bar", HTMLElement)
          .querySelector("button")
          ?.focus({ preventScroll: true });
      }
      // The picture may be above the screen if the start state was a long one.
      scrollTo({ top: 0 });
    }
    shown = shows;
    for (const element of document.querySelectorAll<HTMLElement>(
      "[data-text]",
    )) {
      const text =
        texts.titles[element.dataset["text"] as keyof typeof texts.titles];
      if (element.textContent !== text) element.textContent = text;
    }
  });
}
