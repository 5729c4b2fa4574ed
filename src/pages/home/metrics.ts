import type { CaptionDetail, FastVlmElement } from "../../index";
import { byId, setText } from "./dom";
import { ttftPlot } from "./ttft-plot";

const parts = {
  wait: "Wait",
  preprocess: "Preprocess",
  encode: "Encode",
  prefill: "Prefill",
  firstDecode: "First decode",
  paint: "Paint",
} as const;

type Part = keyof typeof parts;

const names = Object.keys(parts) as Part[];

/** Shows the timings of each caption. */
export function setUpMetrics(vlm: FastVlmElement): void {
  const bar = byId("bar", HTMLElement);
  const list = byId("parts", HTMLDListElement);
  const segments = new Map<Part, HTMLElement>();
  for (const part of names) {
    const segment = document.createElement("span");
    segment.dataset["part"] = part;
    segments.set(part, segment);
    bar.append(segment);

    const value = addRow(list, parts[part]);
    value.id = `part-${part}`;
    value.parentElement?.setAttribute("data-part", part);
  }
  const total = addRow(list, "Time to first token");
  total.parentElement?.classList.add("total");

  const plot = ttftPlot(byId("plot", HTMLElement));
  let last: CaptionDetail | undefined;
  vlm.addEventListener("caption", ({ detail }) => {
    last = detail;
    byId("performance-panel", HTMLDetailsElement).hidden = false;
    const { ttft, tokensPerSecond } = detail.timings;
    setText("dropped", String(detail.dropped));
    setText("speed", tokensPerSecond ? tokensPerSecond.toFixed(1) : "");
    if (ttft === undefined) return;
    for (const part of names) {
      const ms = Math.max(0, detail.timings[part] ?? 0);
      setText(`part-${part}`, `${ms.toFixed(ms < 10 ? 1 : 0)} ms`);
      segments.get(part)?.style.setProperty("flex-grow", String(ms));
    }
    total.textContent = `${ttft.toFixed(0)} ms`;
    plot.add(ttft);
  });
  setInterval(() => {
    const now = performance.timeOrigin + performance.now();
    if (last) setText("age", seconds(now - last.time));
  }, 200);
}

function addRow(list: HTMLDListElement, name: string): HTMLElement {
  const row = document.createElement("div");
  const term = document.createElement("dt");
  const value = document.createElement("dd");
  term.textContent = name;
  row.append(term, value);
  list.append(row);
  return value;
}

function seconds(ms: number): string {
  if (ms < 100_000) return `${(ms / 1000).toFixed(1)} s`;
  return `${Math.round(ms / 60_000)} min`;
}
