import { amountText, phaseText, type ProgressDetail } from "../../index";
import { byId } from "./dom";

/** Shows how far loading has come, beside what was chosen. */
export function setUpFetching(): (progress?: ProgressDetail) => void {
  const place = byId("fetching", HTMLElement);
  const text = byId("fetched", HTMLElement);
  const bar = byId("fetch-bar", HTMLProgressElement);
  return (progress) => {
    place.hidden = !progress;
    if (!progress) return;
    const amount = amountText(progress);
    const elsewhere = progress.elsewhere ? `${phaseText(progress)}. ` : "";
    text.textContent = amount ? elsewhere + amount : phaseText(progress);
    if (amount) {
      bar.max = progress.total;
      bar.value = progress.loaded;
    } else {
      bar.removeAttribute("value");
    }
  };
}
