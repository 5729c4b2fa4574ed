// @ts-check
/**
 * `npm run bench`: fast-vlm beside transformers.js, in one browser on one
 * adapter, frame by frame in turn. It starts the page /bench and keeps what
 * that exports. Never fails a build.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { machine, withPage } from "./built.mjs";
import { command } from "./command.mjs";
import { recordName } from "./record-name.mjs";
import { syntheticNames } from "../tools/cli/synthetic.mjs";
import {
  callerFolder,
  ensureBuilt,
  ensureInstalled,
  root,
} from "../tools/cli/prepare.mjs";

const usage = `Usage: npm run bench -- [options]

  --model MODEL    nano (default); ${syntheticNames.join(", ")}: made weights;
                   else as for describe
  --size N         side of frames and encoder (default: the model's own)
  --frames N       captions that each makes (default 8)
  --device DEVICE  webgpu (default) or wasm
  --dtype DTYPE    fp32, fp16, q4, q4f16 or auto (default auto)
  --tokens N       longest caption (default 32)
  --question TEXT  (default "Describe the image.")
  --lineup LIST    of transformers.js, fast-vlm, fast-vlm:no-draft and
                   fast-vlm:plain, with commas between
                   (default transformers.js,fast-vlm; with made weights, whose
                   drafts are always right, fast-vlm:no-draft as well)
  --software       the software adapter, even where there is a graphics card
  --gpu-flags LIST the browser's own flags instead, with spaces between
  --out FILE       (default bench/results/ADAPTER.json, with model, side and
                   dtype where they are not nano's own; the captions and the
                   picture go beside it, as .csv and .svg)
  --report FILE    also put the table into this document, between its lines
                   <!-- bench NAME --> and <!-- /bench -->, NAME being that
                   of the record's file`;

const text = /** @type {const} */ ({ type: "string" });
const { values } = parseArgs({
  options: {
    model: { ...text, default: "nano" },
    size: text,
    frames: text,
    device: text,
    dtype: text,
    tokens: text,
    question: text,
    lineup: text,
    software: { type: "boolean", default: false },
    "gpu-flags": text,
    out: text,
    report: text,
    help: { type: "boolean", default: false },
  },
});

/** @typedef {import("../src/pages/bench/record.ts").BenchRecord} BenchRecord */

/** Captions of made weights hardly depend on the picture. */
const madeLineup = "transformers.js,fast-vlm,fast-vlm:no-draft";

/**
 * The record as the page exports it, and its other forms.
 * @returns {ReturnType<typeof drive>}
 */
function measure() {
  const { model, software, "gpu-flags": gpuFlags } = values;
  const { size, frames, device, dtype, tokens, question } = values;
  const made = syntheticNames.includes(model);
  const lineup = values.lineup ?? (made ? madeLineup : undefined);
  const search = { size, frames, device, dtype, tokens, question, lineup };
  const asked = { model, software, gpuFlags, search };
  return withPage("bench", asked, async (page, show) => {
    await page.exposeFunction("say", (/** @type {string} */ line) => {
      console.error(line);
    });
    await show();
    return drive(page);
  });
}

/** Starts the page's own bench, passes on what it says, takes its exports. */
async function drive(/** @type {import("playwright").Page} */ page) {
  await page.evaluate(() => {
    const state = document.getElementById("state");
    const { say } = /** @type {{ say: (line: string) => void }} */ (
      /** @type {unknown} */ (window)
    );
    if (state === null) throw new Error("The page is not the bench.");
    new MutationObserver(() => say(state.textContent ?? "")).observe(state, {
      childList: true,
    });
  });
  await page.getByRole("button", { name: "Start" }).click();
  const outcome = page.locator("#outcome");
  const failure = page.locator("#failure");
  await outcome.or(failure).filter({ visible: true }).waitFor({ timeout: 0 });
  if (await failure.isVisible()) {
    throw new Error((await failure.textContent()) ?? "it failed");
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

/** What transformers.js would run on if the project did not override it. */
function rivalsOwnRuntime() {
  const path = "node_modules/@huggingface/transformers/package.json";
  /** @type {unknown} */
  const parsed = JSON.parse(readFileSync(join(root, path), "utf8"));
  const { dependencies } =
    /** @type {{ dependencies: Record<string, string> }} */ (parsed);
  return dependencies["onnxruntime-web"] ?? "?";
}

/** @param {BenchRecord & { machine: ReturnType<typeof machine> }} record */
function describeRun({ machine, versions, ...record }) {
  const named = Object.entries(versions).map((entry) => entry.join(" "));
  return [
    `${record.model}, ${Object.values(record.dtypes).join(" / ")}, ${record.size} px, ${record.frames} frames, ${record.promptTokens} prompt tokens`,
    `${record.adapter}, ${machine.processor}, load average ${machine.loadAverage}`,
    `${named.join(", ")}; ${machine.commit ?? "no clone"}; ${record.date.slice(0, 10)}`,
    sameTokensLine(record),
    ...(record.missing ?? []).map((why) => `Missing: ${why}`),
  ].join("\n");
}

/** @param {Pick<BenchRecord, "sameTokens">} record */
function sameTokensLine({ sameTokens }) {
  if (sameTokens === undefined) return "tokens compared with nobody's";
  return sameTokens ? "same tokens" : "the tokens differ";
}

/** @param {string} path @param {string} name @param {string} lines */
function putInto(path, name, lines) {
  const [start, end] = [`<!-- bench ${name} -->`, "<!-- /bench -->"];
  const before = readFileSync(path, "utf8");
  const at = before.indexOf(start);
  const to = before.indexOf(end, at);
  if (at < 0 || to < 0) throw new Error(`${path} has no line ${start}.`);
  const block = `${start}\n\n\`\`\`text\n${lines}\n\`\`\`\n\n`;
  writeFileSync(path, before.slice(0, at) + block + before.slice(to));
}

/** @param {BenchRecord["contenders"][number]} contender */
const isRival = ({ name }) => name === "transformers.js";

await command("bench", values.help ? usage : undefined, async () => {
  ensureInstalled();
  ensureBuilt();
  const { table, record, csv, svg } = await measure();
  const slug = recordName({ ...record, model: values.model }, values);
  const out =
    values.out === undefined
      ? join(root, `bench/results/${slug}.json`)
      : resolve(callerFolder, values.out);
  const versions = record.contenders.some(isRival)
    ? { ...record.versions, "which by itself has": rivalsOwnRuntime() }
    : record.versions;
  const kept = { ...record, versions, machine: machine() };
  mkdirSync(dirname(out), { recursive: true });
  writeFileSync(out, `${JSON.stringify(kept, null, 2)}\n`);
  const beside = out.replace(/\.json$/, "");
  writeFileSync(`${beside}.csv`, csv);
  writeFileSync(`${beside}.svg`, `${svg}\n`);
  const lines = [describeRun(kept), "", table].join("\n");
  if (values.report !== undefined) {
    putInto(resolve(callerFolder, values.report), basename(beside), lines);
  }
  console.log(lines);
  console.log(`Record: ${out}`);
});
