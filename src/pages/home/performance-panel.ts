import { html, nothing, type TemplateResult } from "lit";
import type { CaptionDetail, ModelInfo } from "../../index";
import { formatBytes } from "../../shared/format";
import { byId } from "./dom";
import { backendNames, deviceNames } from "./model-details";
import { decimal, millisecondsText } from "./number-text";
import { setUpRegion, type Page } from "./page";
import type { PanelTexts } from "./panel-texts";
import { saveFile } from "./save-file";
import { selectOptions } from "./select-options";
import { timingsCsv, timingsJson, TimingsLog, ttftParts } from "./timings-log";
import type { TtftPlot } from "./ttft-plot";

const plottedFrames = 60;

/** How often the age of the caption is updated, in ms. */
const agePeriod = 200;

/** The timings of each caption, what computes them, and the options that save time. */
export function setUpPerformance(page: Page): void {
  const { vlm } = page;
  const panel = byId("performance-panel", HTMLDetailsElement);
  const log = new TimingsLog();
  const plotRoot = document.createElement("div");
  plotRoot.id = "plot";
  plotRoot.role = "img";
  let plot: TtftPlot | undefined;
  let last: CaptionDetail | undefined;
  let timer = 0;
  /** Frames since the threshold was set, and those of them not encoded. */
  let frames = 0;
  let unchanged = 0;

  const showPlot = (): void => {
    if (!panel.open) return;
    const times = log.lastTtfts(plottedFrames);
    const { lang, performance: texts } = page.texts.panels;
    const median = millisecondsText(medianOf(times), lang);
    plotRoot.ariaLabel = texts.trendLabel(times.length, median);
    plot?.show(times);
  };

  const openPlot = async (): Promise<void> => {
    const { ttftPlot } = await import("./ttft-plot");
    plot ??= ttftPlot(plotRoot, plottedFrames);
    showPlot();
  };

  panel.addEventListener("toggle", () => {
    clearInterval(timer);
    if (panel.open) {
      timer = window.setInterval(() => page.update(), agePeriod);
      if (last) void openPlot();
    }
    page.update();
  });
  vlm.addEventListener("caption", ({ detail }) => {
    log.add(detail);
    const isFirst = !last;
    last = detail;
    if (detail.gated && detail.finish !== "abort") {
      frames += 1;
      unchanged += detail.unchanged;
    }
    page.update();
    if (isFirst && panel.open) void openPlot();
    showPlot();
  });

  const figures = (detail: CaptionDetail): TemplateResult => {
    const { lang, performance: texts } = page.texts.panels;
    const { ttft, tokensPerSecond } = detail.timings;
    const now = performance.timeOrigin + performance.now();
    return html`
      <dl class="stats">
        ${stat(texts.tokensPerSecond, "speed", tokensPerSecond ? decimal(tokensPerSecond, 1, lang) : "–")}
        ${stat(texts.age, "age", ageText(now - detail.time, lang))}
        ${stat(texts.dropped, "dropped", String(detail.dropped))}
      </dl>
      ${ttft === undefined ? nothing : ttftFigures(detail, ttft, page.texts.panels)}
      <div class="trend">
        <h2>${texts.trend}</h2>
        ${plotRoot}
      </div>
    `;
  };

  const options = (): TemplateResult => {
    const { lang, performance: texts } = page.texts.panels;
    const percent = `${Number((vlm.gate * 100).toFixed(1)).toLocaleString(lang)} %`;
    const setGate = ({ target }: Event): void => {
      const input = target as HTMLInputElement;
      vlm.gate = Math.min(1, Math.max(0, input.valueAsNumber || 0));
      input.value = String(vlm.gate);
      frames = unchanged = 0;
      page.update();
    };
    const note =
      vlm.gate > 0 ? texts.gated(unchanged, frames, percent) : texts.everyFrame;
    return html`
      <div class="pair even">
        <label class="field"
          >${texts.gate}<input
            id="gate"
            type="number"
            min="0"
            max="1"
            step="0.01"
            .value=${String(vlm.gate)}
            @change=${setGate}
        /></label>
        <label class="field"
          >${texts.draft}<select
            id="draft"
            @change=${(event: Event) => {
              vlm.draft = (event.target as HTMLSelectElement).value;
            }}
          >
            ${selectOptions(
              [
                ["live", texts.drafts.live],
                ["off", texts.drafts.off],
              ],
              vlm.draft,
            )}
          </select></label
        >
      </div>
      <p id="gate-note" class="note">${note}</p>
    `;
  };

  const exports = (): TemplateResult => {
    const { performance: texts } = page.texts.panels;
    const saveJson = (): void =>
      saveFile(
        "timings.json",
        "application/json",
        timingsJson(log.rows, vlm.info),
      );
    const saveCsv = (): void =>
      saveFile("timings.csv", "text/csv", timingsCsv(log.rows));
    return html`
      <p class="exports" role="group" aria-label=${texts.export}>
        <span>${texts.export}</span>
        <button class="small" type="button" @click=${saveJson}>JSON</button>
        <button class="small" type="button" @click=${saveCsv}>CSV</button>
      </p>
    `;
  };

  setUpRegion(page, byId("performance-content", HTMLElement), () => {
    if (!panel.open) return nothing;
    const { panels } = page.texts;
    return html`
      ${last ? figures(last) : html`<p class="note">${panels.performance.noFigures}</p>`}
      ${vlm.info ? facts(vlm.info, last, panels) : nothing}${options()}
      ${last ? exports() : nothing}
    `;
  });
}

function stat(name: string, id: string, value: string): TemplateResult {
  return html`<div>
    <dt>${name}</dt>
    <dd id=${id}>${value}</dd>
  </div>`;
}

/** The parts of the time to first token, as a bar and as a list. */
function ttftFigures(
  { timings }: CaptionDetail,
  ttft: number,
  { lang, performance: texts }: PanelTexts,
): TemplateResult {
  const parts = ttftParts.map(
    (part) => [part, Math.max(0, timings[part] ?? 0)] as const,
  );
  return html`
    <div>
      <h2>${texts.fromFrame}</h2>
      <div id="bar" class="bar" aria-hidden="true">
        ${parts.map(
          ([part, ms]) =>
            // A property, since the page's policy forbids the attribute.
            html`<span data-part=${part} .style=${`flex-grow: ${ms}`}></span>`,
        )}
      </div>
      <dl id="parts" class="parts">
        ${parts.map(
          ([part, ms]) =>
            html`<div data-part=${part}>
              <dt>${texts.parts[part]}</dt>
              <dd id=${`part-${part}`}>${millisecondsText(ms, lang)}</dd>
            </div>`,
        )}
        <div class="total">
          <dt>${texts.ttft}</dt>
          <dd id="part-total">${millisecondsText(ttft, lang)}</dd>
        </div>
      </dl>
    </div>
  `;
}

function facts(
  info: ModelInfo,
  last: CaptionDetail | undefined,
  { lang, performance: texts }: PanelTexts,
): TemplateResult {
  const { gpu, gpuParts, wasm } = info.memory;
  const memory =
    gpu > 0
      ? texts.gpuMemory(formatBytes(gpu, lang), formatBytes(wasm, lang))
      : formatBytes(wasm, lang);
  const rows: [id: string, name: string, value: string][] = [
    ["model", texts.facts.model, info.name],
    ["device", texts.facts.device, deviceNames[info.device]],
    ["adapter", texts.facts.adapter, info.adapter],
    ["backend", texts.facts.backend, backendText(info)],
    ["dtype", texts.facts.dtype, dtypesText(info)],
    ["bytes", texts.facts.weights, formatBytes(info.bytes, lang)],
    ["memory", texts.facts.memory, memory],
  ];
  if (gpuParts) {
    const { weights, cache, logits, runtime, other } = gpuParts;
    const sizes = [weights, cache, logits, runtime, other].map((bytes) =>
      formatBytes(bytes, lang),
    );
    rows.push(["gpu-parts", texts.facts.gpuParts, texts.gpuParts(sizes)]);
  }
  if (last) {
    const { imageTokens, size } = last;
    const tokens = texts.tokensAt(imageTokens, size);
    rows.push(["tokens", texts.facts.imageTokens, tokens]);
  }
  const { deviceReason, dtypeReason, versionReason } = info;
  const reasons = [deviceReason, dtypeReason, versionReason].filter(Boolean);
  return html`
    <h2>${texts.facts.title}</h2>
    <dl class="facts">
      ${rows.map(
        ([id, name, value]) =>
          html`<div>
            <dt>${name}</dt>
            <dd id=${`about-${id}`}>${value}</dd>
          </div>`,
      )}
    </dl>
    <p id="about-reason" class="note" lang="en">${reasons.join(" ")}</p>
  `;
}

/** The backend, and why it is not one of our own. */
function backendText({ backend, backendReason }: ModelInfo): string {
  const name = backendNames[backend];
  return backendReason === undefined ? name : `${name}. ${backendReason}`;
}

function dtypesText({ dtypes }: ModelInfo): string {
  const { vision_encoder, embed_tokens, decoder_model_merged } = dtypes;
  const all = [vision_encoder, embed_tokens, decoder_model_merged];
  const same = all.every((dtype) => dtype === vision_encoder);
  return same ? vision_encoder : all.join(", ");
}

function ageText(ms: number, lang: string): string {
  if (ms < 100_000) return `${decimal(ms / 1000, 1, lang)} s`;
  return `${Math.round(ms / 60_000)} min`;
}

function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? 0;
}
