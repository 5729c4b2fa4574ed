// @ts-check
/** Formats model reports as lines of text. */
import { formatBytes } from "./units.mjs";

/**
 * @typedef {import("../../src/shared/models.ts").ModelReport} ModelReport
 * @typedef {import("../../src/shared/models.ts").StoredModel} StoredModel
 * @typedef {import("../../src/shared/models.ts").Graph} Graph
 */

/** @type {readonly Graph[]} */
const graphs = ["vision_encoder", "embed_tokens", "decoder_model_merged"];

/** Aligns columns. @param {readonly (readonly string[])[]} rows */
export function table(rows) {
  const widths = rows.reduce(
    (widest, row) =>
      row.map((cell, at) => Math.max(widest[at] ?? 0, cell.length)),
    /** @type {number[]} */ ([]),
  );
  return rows.map((row) =>
    row
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}

/** @param {ModelReport} report @returns {string[]} */
export function reportLines(report) {
  const { source, commit, license, layers, hidden, size } = report;
  const { chosen, storage, unsupportedReason } = report;
  const at = commit === undefined ? "" : `, commit ${commit.slice(0, 12)}`;
  const url = license?.url === undefined ? "" : ` (${license.url})`;
  return [
    `from      ${source}${at}`,
    ...(license ? [`licence   ${license.name}${url}`] : []),
    `model     ${layers} layers of width ${hidden}, images of ${size} px, context of ${report.contextLength} tokens`,
    `runs on   ${deviceText(report)}`,
    ...(unsupportedReason === undefined
      ? []
      : [`problem   ${unsupportedReason}`]),
    "",
    ...table([["graph", "dtype", "size", "files"], ...graphRows(report)]),
    "",
    ...reasonRows(report),
    ...(chosen ? chosenLines(chosen) : []),
    ...(storage
      ? [`storage   ${formatBytes(storage.free)} free for this page`]
      : []),
  ];
}

/** @param {ModelReport} report */
function deviceText({ device, adapter, deviceReason, halfPrecision }) {
  const name = device === "webgpu" ? "WebGPU" : "WASM";
  const half =
    device === "wasm"
      ? ""
      : `, ${halfPrecision ? "with" : "without"} half precision`;
  return `${name}, ${adapter}${half}${deviceReason === undefined ? "" : `: ${deviceReason}`}`;
}

/** @param {ModelReport} report */
function graphRows(report) {
  return graphs.flatMap((graph) =>
    report.graphs[graph].map(
      ({ dtype, files, bytes, unsupportedReason }, row) => {
        const names = files.map(({ path, bytes: size }) =>
          files.length === 1 ? path : `${path} (${formatBytes(size)})`,
        );
        const note =
          unsupportedReason === undefined
            ? ""
            : ` – cannot run: ${unsupportedReason}`;
        return [
          row === 0 ? graph : "",
          dtype,
          formatBytes(bytes),
          names.join(", ") + note,
        ];
      },
    ),
  );
}

/** @param {ModelReport} report */
function reasonRows({ recommended, reasons }) {
  if (recommended === undefined) return [];
  return table(graphs.map((graph) => [graph, reasons[graph]]));
}

/** @param {NonNullable<ModelReport["chosen"]>} chosen */
function chosenLines({ bytes, missing, memory }) {
  const { weights, activations, cache, contextTokens, total } = memory;
  return [
    `download  ${formatBytes(missing)} of ${formatBytes(bytes)} missing`,
    `memory    ${formatBytes(total)}: weights ${formatBytes(weights)}, activations ${formatBytes(activations)}, KV cache of ${contextTokens} tokens ${formatBytes(cache)}`,
  ];
}

/** @param {StoredModel} model @returns {string[]} */
export function storedLines({ key, files, bytes, commit }) {
  const rows = files.map(({ path, bytes: size, kept }) => [
    `  ${path}`,
    kept < size
      ? `${formatBytes(kept)} of ${formatBytes(size)}`
      : formatBytes(size),
  ]);
  const at = commit === undefined ? "" : `, commit ${commit.slice(0, 12)}`;
  return [`stored    ${formatBytes(bytes)}${at}, key ${key}`, ...table(rows)];
}
