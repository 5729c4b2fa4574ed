import { html, nothing, type TemplateResult } from "lit";
import type { Graph, License, ModelReport } from "../../index";
import { formatBytes } from "../../shared/format";

const graphLabels: Readonly<Record<Graph, string>> = {
  vision_encoder: "Encoder",
  embed_tokens: "Embeddings",
  decoder_model_merged: "Decoder",
};

const graphs = Object.keys(graphLabels) as Graph[];

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
): TemplateResult {
  const { unsupportedReason, license, source } = report;
  return html`
    <div class="report">
      <p class="report-title">
        <strong>${report.name}</strong> <span>${source}</span>
      </p>
      <dl class="facts">
        ${costs(report).map(
          ([name, value]) =>
            html`<div>
              <dt>${name}</dt>
              <dd>${value}</dd>
            </div>`,
        )}
      </dl>
      ${unsupportedReason ? html`<p class="failure">${unsupportedReason}</p>` : nothing}
      ${files(report)}${precisions(report)}${memory(report)}
      ${license ? licence(license, consent) : nothing}
    </div>
  `;
}

/** The details in one sentence, for a status region. */
export function summaryOf({
  name,
  chosen,
  unsupportedReason,
}: ModelReport): string {
  if (unsupportedReason) return `${name}: ${unsupportedReason}`;
  const missing = chosen?.missing ?? 0;
  return `${name}: ${missing === 0 ? "nothing" : formatBytes(missing)} to download.`;
}

function costs(report: ModelReport): [name: string, value: string][] {
  const { chosen, storage, halfPrecision } = report;
  const half = halfPrecision ? "with" : "without";
  const rows: [string, string][] = [];
  if (chosen) {
    const { bytes, missing } = chosen;
    const kept = bytes - missing;
    rows.push(
      ["Download", missing === 0 ? "nothing" : formatBytes(missing)],
      ["Already stored", kept === 0 ? "nothing" : formatBytes(kept)],
    );
  }
  if (storage) rows.push(["Available storage", formatBytes(storage.free)]);
  rows.push(
    ["Device", report.device === "webgpu" ? "WebGPU" : "WASM"],
    ["Adapter", `${report.adapter}, ${half} half precision`],
  );
  return rows;
}

function files({ chosen }: ModelReport): TemplateResult | typeof nothing {
  if (!chosen) return nothing;
  return html`
    <details>
      <summary>
        ${chosen.files.length} files, ${formatBytes(chosen.bytes)}
      </summary>
      <table>
        <thead>
          <tr>
            <th scope="col">File</th>
            <th scope="col">Size</th>
            <th scope="col">Stored</th>
          </tr>
        </thead>
        <tbody>
          ${chosen.files.map(
            ({ path, bytes, kept }) =>
              html`<tr>
                <td>${breakable(path)}</td>
                <td>${formatBytes(bytes)}</td>
                <td>${share(kept, bytes)}</td>
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

function share(kept: number, bytes: number): string {
  if (kept === 0) return "–";
  return kept >= bytes ? "complete" : `${Math.floor((100 * kept) / bytes)} %`;
}

function precisions(report: ModelReport): TemplateResult {
  const { chosen, recommended, reasons } = report;
  const dtypes = chosen?.dtypes ?? recommended;
  const short = dtypes
    ? [...new Set(graphs.map((graph) => dtypes[graph]))].join(", ")
    : "no supported dtype";
  return html`
    <details>
      <summary>Precision: ${short}</summary>
      <dl class="reasons">
        ${graphs.map(
          (graph) =>
            html`<dt>${graphLabels[graph]}: ${dtypes?.[graph] ?? "–"}</dt>
              <dd>
                ${reasons[graph]}
                ${report.graphs[graph].map(
                  ({ dtype, bytes, unsupportedReason }) =>
                    html`<span class="choice"
                      >${dtype}
                      ${formatBytes(bytes)}${
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

function memory({ chosen }: ModelReport): TemplateResult | typeof nothing {
  if (!chosen) return nothing;
  const { weights, activations, cache, contextTokens, total } = chosen.memory;
  const tokens = contextTokens.toLocaleString("en");
  const rows = [
    ["Weights", weights],
    ["Image and prompt at this size", activations],
    [`KV cache of ${tokens} tokens`, cache],
  ] as const;
  return html`
    <details>
      <summary>Memory, about ${formatBytes(total)}</summary>
      <dl class="facts">
        ${rows.map(
          ([name, bytes]) =>
            html`<div>
              <dt>${name}</dt>
              <dd>${formatBytes(bytes)}</dd>
            </div>`,
        )}
      </dl>
    </details>
  `;
}

function licence(license: License, consent: Consent): TemplateResult {
  const { name, url } = license;
  // Model cards can contain any URL.
  const text =
    url && /^https?:/i.test(url)
      ? html`<a href=${url} target="_blank" rel="noreferrer">${name}</a>`
      : name;
  if (!consent.needed) return html`<p class="note">Licence: ${text}</p>`;
  const change = (event: Event): void =>
    consent.change((event.target as HTMLInputElement).checked);
  return html`
    <p class="note">Licence: ${text}</p>
    <label class="tick"
      ><input
        id="consent"
        type="checkbox"
        .checked=${consent.given}
        @change=${change}
      /><span>I have read and accept the licence.</span></label
    >
  `;
}
