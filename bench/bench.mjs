// @ts-check
/**
 * `npm run bench`: compares fast-vlm with transformers.js in one browser. It runs the
 * page /bench and saves its exports. Never fails a build.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { withPage } from "./bench-page.mjs";
import { command, flag, readArguments, text } from "../tools/cli/command.mjs";
import { machine, recordName, writeRecord } from "./record.mjs";
import { syntheticNames } from "../tools/cli/synthetic/synthetic.mjs";
import {
  callerFolder,
  ensureBuilt,
  ensureInstalled,
  readJson,
  root,
} from "../tools/cli/prepare.mjs";

const usage = `Usage: npm run bench -- [options]

  --model MODEL    nano (default), a synthetic model (${syntheticNames.join(", ")}),
                   or a model as for describe
  --size N         size of frames and encoder input (default: the model's)
  --frames N       captions per engine (default 8)
  --device DEVICE  webgpu (default) or wasm
  --dtype DTYPE    fp32, fp16, q4, q4f16 or auto (default auto)
  --max-tokens N   maximum length of a caption (default 32)
  --prompt TEXT    question (default "Describe the image.")
  --lineup LIST    engines, separated by commas: transformers.js, fast-vlm,
                   fast-vlm:no-draft, fast-vlm:ort (default
                   transformers.js,fast-vlm; for synthetic models, whose
                   drafts are always accepted, also fast-vlm:no-draft)
  --software       use the software adapter, even if there is a GPU
  --out FILE       record (default bench/results/ADAPTER.json, with model, size
                   and dtype if they are not nano's defaults); the captions and
                   the chart are written next to it as .csv and .svg
  --report FILE    also insert the table into this document, between the lines
                   <!-- bench NAME --> and <!-- /bench -->, where NAME is the
                   name of the record`;

const { values } = readArguments("bench", usage, {
  model: { ...text, default: "nano" },
  size: text,
  frames: text,
  device: text,
  dtype: text,
  "max-tokens": text,
  prompt: text,
  lineup: text,
  software: flag,
  out: text,
  report: text,
});

/**
 * @typedef {import("../src/pages/bench/record.ts").BenchRecord} BenchRecord
 * @typedef {ReturnType<typeof machine>} Machine
 */

/** Captions of synthetic models hardly depend on the image. */
const syntheticLineup = "transformers.js,fast-vlm,fast-vlm:no-draft";

/**
 * Runs the bench and returns the page's exports.
 * @returns {ReturnType<typeof drive>}
 */
function measure() {
  const { model, software } = values;
  const { size, frames, device, dtype, prompt } = values;
  const maxTokens = values["max-tokens"];
  const synthetic = syntheticNames.includes(model);
  const lineup = values.lineup ?? (synthetic ? syntheticLineup : undefined);
  const search = {
    ...{ size, frames, device, dtype, prompt, lineup },
    "max-tokens": maxTokens,
  };
  const asked = { model, software, search };
  return withPage("bench", asked, async (page, show) => {
    await page.exposeFunction("log", (/** @type {string} */ line) => {
      console.error(line);
    });
    await show();
    return drive(page);
  });
}

/** Starts the bench, logs its progress and downloads its exports. */
async function drive(/** @type {import("playwright").Page} */ page) {
  await page.evaluate(() => {
    const state = document.getElementById("state");
    const { log } = /** @type {{ log: (line: string) => void }} */ (
      /** @type {unknown} */ (window)
    );
    if (state === null) throw new Error("The page has no element #state.");
    new MutationObserver(() => log(state.textContent ?? "")).observe(state, {
      childList: true,
    });
  });
  await page.getByRole("button", { name: "Start" }).click();
  const outcome = page.locator("#outcome");
  const failure = page.locator("#failure");
  await outcome.or(failure).filter({ visible: true }).waitFor({ timeout: 0 });
  if (await failure.isVisible()) {
    throw new Error((await failure.textContent()) ?? "The benchmark failed.");
  }
  const table = (await outcome.getAttribute("data-text")) ?? "";
  const take = async (/** @type {string} */ name) => {
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("link", { name, exact: true }).click(),
    ]);
    return readFileSync(await download.path(), "utf8");
  };
  const json = await take("JSON");
  /** @type {unknown} */
  const parsed = JSON.parse(json);
  const record = /** @type {BenchRecord} */ (parsed);
  return { table, record, csv: await take("CSV"), svg: await take("SVG") };
}

/** The version of ONNX Runtime that transformers.js requires. */
function transformersJsRuntime() {
  const path = "node_modules/@huggingface/transformers/package.json";
  const { dependencies } =
    /** @type {{ dependencies: Record<string, string> }} */ (
      readJson(join(root, path))
    );
  return dependencies["onnxruntime-web"] ?? "?";
}

/** @param {BenchRecord & { machine: Machine }} record */
function describeRun({ machine, versions, ...record }) {
  const named = Object.entries(versions).map((entry) => entry.join(" "));
  return [
    `${record.model}, ${Object.values(record.dtypes).join(" / ")}, ${record.size} px, ${record.frames} frames, ${record.promptTokens} prompt tokens`,
    `${record.adapter}, ${machine.processor}, load average ${machine.loadAverage}`,
    `${named.join(", ")}; ${machine.commit ?? "no commit"}; ${record.date.slice(0, 10)}`,
    sameTokensLine(record),
    ...(record.missing ?? []).map((reason) => `Missing: ${reason}`),
  ].join("\n");
}

/** @param {Pick<BenchRecord, "sameTokens">} record */
function sameTokensLine({ sameTokens }) {
  if (sameTokens === undefined) return "one engine only";
  return sameTokens ? "same tokens" : "different tokens";
}

/** @param {string} path @param {string} name @param {string} lines */
function insertInto(path, name, lines) {
  const [start, end] = [`<!-- bench ${name} -->`, "<!-- /bench -->"];
  const before = readFileSync(path, "utf8");
  const at = before.indexOf(start);
  const to = before.indexOf(end, at);
  if (at < 0 || to < 0) throw new Error(`${path} has no line ${start}.`);
  const block = `${start}\n\n\`\`\`text\n${lines}\n\`\`\`\n\n`;
  writeFileSync(path, before.slice(0, at) + block + before.slice(to));
}

/** @param {BenchRecord["engines"][number]} engine */
const isTransformersJs = ({ name }) => name === "transformers.js";

await command("bench", async () => {
  ensureInstalled();
  ensureBuilt();
  const { table, record, csv, svg } = await measure();
  const slug = recordName({ ...record, model: values.model }, values);
  const versions = record.engines.some(isTransformersJs)
    ? {
        ...record.versions,
        "which requires onnxruntime-web": transformersJsRuntime(),
      }
    : record.versions;
  const kept = { ...record, versions, machine: machine() };
  const out = writeRecord(values.out, slug, kept);
  const beside = out.replace(/\.json$/, "");
  writeFileSync(`${beside}.csv`, csv);
  writeFileSync(`${beside}.svg`, `${svg}\n`);
  const lines = [describeRun(kept), "", table].join("\n");
  if (values.report !== undefined) {
    insertInto(resolve(callerFolder, values.report), basename(beside), lines);
  }
  console.log(lines);
  console.log(`Record: ${out}`);
});
