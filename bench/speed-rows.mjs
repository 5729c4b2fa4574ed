// @ts-check
/** Formats the records in bench/results as rows for docs/performance.md. */
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { root } from "../tools/cli/prepare.mjs";

const folder = join(root, "bench/results");

/**
 * @typedef {{ firstToken: number, tokensPerSecond?: number }} Caption
 * @typedef {{ name: string, captions: Caption[] }} Engine
 * @typedef {object} BenchRecord of `npm run bench`
 * @property {string} model
 * @property {number} size
 * @property {string} device
 * @property {string} adapter
 * @property {{ processor: string }} machine
 * @property {Engine[]} engines
 *
 * @typedef {object} FullSizeRecord of `npm run full-size`
 * @property {string} model
 * @property {number} size
 * @property {string} device
 * @property {string} adapter
 * @property {string} processor
 * @property {{ firstToken: number, tokensPerSecond: number }} milliseconds
 */

/** @param {readonly number[]} numbers */
function median(numbers) {
  const sorted = numbers.toSorted((a, b) => a - b);
  const low = sorted[Math.floor((sorted.length - 1) / 2)] ?? NaN;
  const high = sorted[Math.ceil((sorted.length - 1) / 2)] ?? NaN;
  return (low + high) / 2;
}

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

/** @param {BenchRecord} record @returns {string[]} */
function liveRows({ model, size, device, adapter, machine, engines }) {
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

/** @param {FullSizeRecord} record */
function singleRow({ model, size, device, adapter, processor, milliseconds }) {
  const { firstToken, tokensPerSecond } = milliseconds;
  return row([
    `${model}, synthetic weights, ${size} px`,
    "fast-vlm",
    machineText(device, adapter, processor),
    timeText(firstToken),
    rateText(tokensPerSecond),
  ]);
}

/** @returns {string[]} one row per engine and record */
export function speedRows() {
  const records = readdirSync(folder)
    .filter((name) => name.endsWith(".json"))
    .sort()
    .map((name) => {
      /** @type {unknown} */
      const json = JSON.parse(readFileSync(join(folder, name), "utf8"));
      return /** @type {BenchRecord | FullSizeRecord[]} */ (json);
    });
  return [
    // Records without engines do not measure speed.
    ...records.flatMap((each) => ("engines" in each ? liveRows(each) : [])),
    ...records
      .flatMap((each) => (Array.isArray(each) ? each : []))
      .map(singleRow),
  ];
}
