import type { ProgressDetail } from "../../index";
import { formatByteProgress, formatBytes } from "../../shared/format-bytes";
import { byId } from "./dom";

const phases: Readonly<Record<ProgressDetail["phase"], string>> = {
  loading: "Loading model…",
  preparing: "Preparing model…",
  warming: "Warming up model…",
};

/** Shows download progress in the model panel. */
export function setUpDownloadProgress(): (progress?: ProgressDetail) => void {
  const place = byId("download", HTMLElement);
  const text = byId("download-text", HTMLElement);
  const bar = byId("download-bar", HTMLProgressElement);
  return (progress) => {
    place.hidden = !progress;
    if (!progress) return;
    const { phase, loaded, total, elsewhere } = progress;
    const amount = phase === "loading" ? amountText(progress) : "";
    const where = elsewhere ? "Another tab is downloading the model. " : "";
    text.textContent = amount ? where + amount : where || phases[phase];
    if (amount) {
      bar.max = total;
      bar.value = loaded;
    } else {
      bar.removeAttribute("value");
    }
  };
}

/** `12.3 of 45.6 MB · 27 % · 5.1 MB/s · 7 s left`, as far as it is known. */
function amountText({ loaded, total, rate, left }: ProgressDetail): string {
  if (total === 0) return "";
  const amount = formatByteProgress(loaded, total).join(" of ");
  const percent = Math.min(100, Math.floor((100 * loaded) / total));
  const speed = rate > 0 ? ` · ${formatBytes(rate)}/s` : "";
  const time = left === undefined ? "" : ` · ${durationText(left)} left`;
  return `${amount} · ${percent} %${speed}${time}`;
}

function durationText(seconds: number): string {
  return seconds < 60
    ? `${Math.ceil(seconds)} s`
    : `${Math.ceil(seconds / 60)} min`;
}
