import { amountText, phaseText, type ProgressDetail } from "../index";
import { byId, setText } from "./dom";

/** How far loading has come, beside what was chosen. */
export function showProgress(progress: ProgressDetail | undefined): void {
  const bar = byId("fetch-bar", HTMLProgressElement);
  byId("fetching", HTMLElement).hidden = !progress;
  if (!progress) return;
  const amount = amountText(progress);
  setText("fetched", amount || phaseText(progress));
  if (amount) {
    bar.max = progress.total;
    bar.value = progress.loaded;
  } else {
    bar.removeAttribute("value");
  }
}
