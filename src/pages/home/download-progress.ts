import { amountText, phaseText, type ProgressDetail } from "../../index";
import { byId } from "./dom";

/** Shows download progress in the model panel. */
export function setUpDownloadProgress(): (progress?: ProgressDetail) => void {
  const place = byId("download", HTMLElement);
  const text = byId("download-text", HTMLElement);
  const bar = byId("download-bar", HTMLProgressElement);
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
