import type { ProgressDetail } from "../../index";
import { amountText, phaseText } from "../../shared/progress-text";
import { byId } from "./dom";

/** Shows download progress in the model panel. */
export function setUpDownloadProgress(): (progress?: ProgressDetail) => void {
  const place = byId("download", HTMLElement);
  const text = byId("download-text", HTMLElement);
  const bar = byId("download-bar", HTMLProgressElement);
  return (progress) => {
    place.hidden = !progress;
    if (!progress) return;
    const { loaded, total, elsewhere } = progress;
    const amount = amountText(progress);
    const phase = amount && !elsewhere ? "" : phaseText(progress);
    text.textContent = `${phase} ${amount}`.trim();
    if (amount) {
      bar.max = total;
      bar.value = loaded;
    } else {
      bar.removeAttribute("value");
    }
  };
}
