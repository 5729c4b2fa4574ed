// @ts-check
/** Formats the records in bench/results as rows for docs/performance.md. */
import { readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { median } from "../src/pages/bench/statistics.ts";
import { readJson, root } from "../tools/cli/prepare.mjs";

const folder = join(root, "bench/results");

/**
 * @typedef {object} SpeedRecord of `npm run bench` or `npm run full-size`
 * @property {string} model
 * @property {number} size
 * @property {string} device
 * @property {string} adapter
 * @property {{ processor: string }} machine
 * @property {{ name: string, captions: { firstToken: number, tokensPerSecond?: number }[] }[]} [engines]
 * absent from records that do not measure speed
 */

/** @param {number} ms */
const timeText = (ms) =>
  ms < 1000 ? `${ms.toFixed(0)} ms` : `${(ms / 1000).toFixed(1)} s`;

/** @param {number} rate */
const rateText = (rate) => (rate < 1 ? rate.toFixed(2) : rate.toFixed(0));

/** @param {string} device @param {string} adapter @param {string} processor */
function machineText(device, adapter, processor) {
  const cpu = processor.replaceAll("(R)", "");
  if (device === "wasm") return `WASM, ${adapter.replace("CPU, ", "")}: ${cpu}`;
  const software = /swiftshader|llvmpipe|lavapipe/i.test(adapter);
  return software
    ? `WebGPU, software adapter (${adapter}): ${cpu}`
    : `WebGPU, ${adapter}`;
}

/** @param {readonly string[]} cells */
const row = (cells) => `| ${cells.join(" | ")} |`;

/** @param {SpeedRecord} record @returns {string[]} */
function rowsOf({ model, size, device, adapter, machine, engines = [] }) {
  const synthetic = model.startsWith("synthetic/");
  const title = synthetic ? `${basename(model)}, synthetic weights` : model;
  // With synthetic weights every draft is accepted, so drafts are left out.
  const ours = synthetic ? "fast-vlm:no-draft" : "fast-vlm";
  return engines
    .filter(({ name }) => [ours, "transformers.js"].includes(name))
    .map(({ name, captions }) => {
      const rates = captions.flatMap(({ tokensPerSecond: rate }) => rate ?? []);
      return row([
        `${title}, ${size} px`,
        name === ours ? "fast-vlm" : name,
        machineText(device, adapter, machine.processor),
        timeText(median(captions.map(({ firstToken }) => firstToken))),
        rateText(median(rates)),
      ]);
    });
}

/** @returns {string[]} one row per engine and record */
export const speedRows = () =>
  readdirSync(folder)
    .filter((name) => name.endsWith(".json"))
    .sort()
    .flatMap((name) =>
      rowsOf(/** @type {SpeedRecord} */ (readJson(join(folder, name)))),
    );
