// @ts-check
/** The records of bench/results as rows of the table in docs/performance.md. */
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { root } from "../tools/cli/prepare.mjs";

const folder = join(root, "bench/results");

/**
 * @typedef {{ firstToken: number, tokensPerSecond?: number }} Caption
 * @typedef {{ name: string, captions: Caption[] }} Contender
 * @typedef {object} Live of `npm run bench`
 * @property {string} model
 * @property {number} size
 * @property {string} device
 * @property {string} adapter
 * @property {{ processor: string }} machine
 * @property {Contender[]} contenders
 *
 * @typedef {object} Single of `npm run full-size`
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

/** @param {Live} record @returns {string[]} */
function liveRows({ model, size, device, adapter, machine, contenders }) {
  const made = model.startsWith("made/");
  const what = made ? `${basename(model)}, synthetic weights` : model;
  // With synthetic weights every draft is accepted, so drafts are left out.
  const own = made ? "fast-vlm:no-draft" : "fast-vlm";
  return contenders
    .filter(({ name }) => [own, "transformers.js"].includes(name))
    .map(({ name, captions }) => {
      const rates = captions.flatMap(({ tokensPerSecond: rate }) => rate ?? []);
      return row([
        `${what}, ${size} px`,
        name === own ? "fast-vlm" : name,
        machineText(device, adapter, machine.processor),
        timeText(median(captions.map(({ firstToken }) => firstToken))),
        rateText(median(rates)),
      ]);
    });
}

/** @param {Single} record */
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

/** @returns {string[]} a row for each contender of each record */
export function speedRows() {
  const records = readdirSync(folder)
    .filter((name) => name.endsWith(".json"))
    .sort()
    .map((name) => {
      /** @type {unknown} */
      const json = JSON.parse(readFileSync(join(folder, name), "utf8"));
      return /** @type {Live | Single[]} */ (json);
    });
  return [
    // Records without contenders do not measure speed.
    ...records.flatMap((each) => ("contenders" in each ? liveRows(each) : [])),
    ...records
      .flatMap((each) => (Array.isArray(each) ? each : []))
      .map(singleRow),
  ];
}
