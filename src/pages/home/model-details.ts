import { html, nothing, type TemplateResult } from "lit";
import type {
  Device,
  Graph,
  License,
  ModelInfo,
  ModelReport,
} from "../../index";
import { formatBytes } from "../../shared/format";
import type { PanelTexts } from "./panel-texts";

export const deviceNames: Readonly<Record<Device, string>> = {
  webgpu: "WebGPU",
  wasm: "WASM",
};

export const backendNames: Readonly<Record<ModelInfo["backend"], string>> = {
  webgpu: "WebGPU",
  wasm: "WASM",
  ort: "ONNX Runtime",
};

const graphs: readonly Graph[] = [
  "vision_encoder",
  "embed_tokens",
  "decoder_model_merged",
];

interface Consent {
  /** Whether the licence still needs consent. */
  readonly needed: boolean;
  readonly given: boolean;
  readonly change: (given: boolean) => void;
}

/** Describes a model before its weights are downloaded. */
export function modelDetails(
  report: ModelReport,
  consent: Consent,
  texts: PanelTexts,
): TemplateResult {
  const { unsupportedReason, license, source } = report;
  return html`
    <div class="report">
      <p class="report-title">
        <strong>${report.name}</strong> <span>${source}</span>
      </p>
      <dl class="facts">
        ${costs(report, texts).map(
          ([name, value]) =>
            html`<div>
              <dt>${name}</dt>
              <dd>${value}</dd>
            </div>`,
        )}
      </dl>
      ${
        unsupportedReason
          ? html`<p class="failure" lang="en">${unsupportedReason}</p>`
          : nothing
      }
      ${files(report, texts)}${precisions(report, texts)}${memory(report, texts)}
      ${license ? licence(license, consent, texts) : nothing}
    </div>
  `;
}

/** The details in one sentence, for a status region. */
export function summaryOf(
  { name, chosen, unsupportedReason }: ModelReport,
  { lang, model }: PanelTexts,
): string {
  if (unsupportedReason) return `${name}: ${unsupportedReason}`;
  const missing = chosen?.missing ?? 0;
  return model.summary(
    name,
    missing === 0 ? model.nothing : formatBytes(missing, lang),
  );
}

function costs(
  report: ModelReport,
  { lang, model }: PanelTexts,
): [name: string, value: string][] {
  const { chosen, storage, adapter, halfPrecision } = report;
  const amount = (bytes: number): string =>
    bytes === 0 ? model.nothing : formatBytes(bytes, lang);
  const rows: [string, string][] = [];
  if (chosen) {
    const { bytes, missing } = chosen;
    rows.push(
      [model.toDownload, amount(missing)],
      [model.stored, amount(bytes - missing)],
    );
  }
  if (storage) rows.push([model.freeStorage, formatBytes(storage.free, lang)]);
  rows.push(
    [model.device, deviceNames[report.device]],
    [
      model.adapter,
      halfPrecision ? model.withHalf(adapter) : model.withoutHalf(adapter),
    ],
  );
  return rows;
}

function files(
  { chosen }: ModelReport,
  { lang, model }: PanelTexts,
): TemplateResult | typeof nothing {
  if (!chosen) return nothing;
  return html`
    <details>
      <summary>
        ${model.files(chosen.files.length, formatBytes(chosen.bytes, lang))}
      </summary>
      <table>
        <thead>
          <tr>
            <th scope="col">${model.file}</th>
            <th scope="col">${model.size}</th>
            <th scope="col">${model.kept}</th>
          </tr>
        </thead>
        <tbody>
          ${chosen.files.map(
            ({ path, bytes, kept }) =>
              html`<tr>
                <td>${breakable(path)}</td>
                <td>${formatBytes(bytes, lang)}</td>
                <td>${share(kept, bytes, model.complete)}</td>
              </tr>`,
          )}
        </tbody>
      </table>
    </details>
  `;
}

/** Allows line breaks in long names. */
function breakable(path: string): TemplateResult[] {
  return path.split(/(?<=[/_])/).map((part) => html`${part}<wbr />`);
}

function share(kept: number, bytes: number, complete: string): string {
  if (kept === 0) return "–";
  return kept >= bytes ? complete : `${Math.floor((100 * kept) / bytes)} %`;
}

function precisions(
  report: ModelReport,
  { lang, model }: PanelTexts,
): TemplateResult {
  const { chosen, recommended, reasons } = report;
  const dtypes = chosen?.dtypes ?? recommended;
  const short = dtypes
    ? [...new Set(graphs.map((graph) => dtypes[graph]))].join(", ")
    : model.noDtype;
  return html`
    <details>
      <summary>${model.precision(short)}</summary>
      <dl class="reasons">
        ${graphs.map(
          (graph) =>
            html`<dt>${model.graphs[graph]}: ${dtypes?.[graph] ?? "–"}</dt>
              <dd lang="en">
                ${reasons[graph]}
                ${report.graphs[graph].map(
                  ({ dtype, bytes, unsupportedReason }) =>
                    html`<span class="choice"
                      >${dtype}
                      ${formatBytes(bytes, lang)}${
                        unsupportedReason ? `: ${unsupportedReason}` : nothing
                      }</span
                    >`,
                )}
              </dd>`,
        )}
      </dl>
    </details>
  `;
}

function memory(
  { chosen }: ModelReport,
  { lang, model }: PanelTexts,
): TemplateResult | typeof nothing {
  if (!chosen) return nothing;
  const { weights, activations, cache, contextTokens, total } = chosen.memory;
  const rows = [
    [model.weights, weights],
    [model.activations, activations],
    [model.cache(contextTokens.toLocaleString(lang)), cache],
  ] as const;
  return html`
    <details>
      <summary>${model.memory(formatBytes(total, lang))}</summary>
      <dl class="facts">
        ${rows.map(
          ([name, bytes]) =>
            html`<div>
              <dt>${name}</dt>
              <dd>${formatBytes(bytes, lang)}</dd>
            </div>`,
        )}
      </dl>
    </details>
  `;
}

function licence(
  { name, url }: License,
  consent: Consent,
  { model }: PanelTexts,
): TemplateResult {
  // Model cards can contain any URL.
  const text =
    url && /^https?:/i.test(url)
      ? html`<a href=${url} target="_blank" rel="noreferrer">${name}</a>`
      : name;
  const line = html`<p class="note">
    ${model.licence} <span lang="en">${text}</span>
  </p>`;
  if (!consent.needed) return line;
  const change = (event: Event): void =>
    consent.change((event.target as HTMLInputElement).checked);
  return html`
    ${line}
    <label class="tick"
      ><input
        id="consent"
        type="checkbox"
        .checked=${consent.given}
        @change=${change}
      /><span>${model.accept}</span></label
    >
  `;
}
