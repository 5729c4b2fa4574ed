import type { ProgressDetail } from "../../index";
import { amountText, progressText } from "../../element/progress-text";
import { byId } from "./dom";

/** Shows download progress in the model panel. */
export function setUpDownloadProgress(): (progress?: ProgressDetail) => void {
  const place = byId("download", HTMLElement);
  const text = byId("download-text", HTMLElement);
  const bar = byId("download-bar", HTMLProgressElement);
  return (progress) => {
    place.hidden = !progress;
    if (!progress) return;
    text.textContent = progressText(progress);
    if (amountText(progress)) {
      bar.max = progress.total;
      bar.value = progress.loaded;
    } else {
      bar.removeAttribute("value");
    }
  };
}
