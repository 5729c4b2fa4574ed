// @ts-check
/**
 * `npm run accuracy`: measures how often the model answers questions about generated
 * scenes exactly, in the built page. Never fails a build.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import process from "node:process";
import { command, readArguments, text } from "../tools/cli/command.mjs";
import { writeRecord } from "./record.mjs";
import {
  cache,
  callerFolder,
  ensureBuilt,
  ensureInstalled,
  root,
} from "../tools/cli/prepare.mjs";

const usage = `Usage: npm run accuracy -- [options]

  --scenes DIR     use these scenes (scenes.jsonl and images) instead of new ones
  --count N        number of scenes to generate (default 500)
  --seed N         random seed of the scenes (default: the time)
  --model MODEL    as for describe (default nano)
  --device DEVICE  webgpu or wasm (default wasm)
  --dtype DTYPE    fp32, q4, … (default fp32)
  --size N         encoder input size (default: the model's)
  --out FILE       result (default .cache/accuracy.json)`;

/**
 * @typedef {{ question: string, answer: string, kind: string }} Question
 * @typedef {{ file: string, questions: Question[] }} Scene
 * @typedef {{ file: string, kind: string, question: string, expected: string, got: string }} Miss
 */

const { values } = readArguments("accuracy", usage, {
  scenes: text,
  count: { ...text, default: "500" },
  seed: { ...text, default: String(Date.now() % 2 ** 31) },
  model: { ...text, default: "nano" },
  device: { ...text, default: "wasm" },
  dtype: { ...text, default: "fp32" },
  size: text,
  out: { ...text, default: join(cache, "accuracy.json") },
});

/** $PYTHON, the virtual environment in tools/, or the system's Python. */
function findPython() {
  const windows = process.platform === "win32";
  const own = join(
    root,
    windows ? "tools/.venv/Scripts/python.exe" : "tools/.venv/bin/python",
  );
  if (process.env["PYTHON"]) return process.env["PYTHON"];
  if (existsSync(own)) return own;
  return windows ? "python" : "python3";
}

/** @returns {string} the folder of the generated scenes */
function generateScenes() {
  const folder = join(cache, "scenes");
  rmSync(folder, { recursive: true, force: true });
  const args = [
    "--out",
    folder,
    "--count",
    values.count,
    "--seed",
    values.seed,
  ];
  const { error, status } = spawnSync(
    findPython(),
    ["-m", "fastvlm.scenes", ...args],
    { cwd: join(root, "tools"), stdio: ["ignore", "inherit", "inherit"] },
  );
  if (error !== undefined || status !== 0) {
    throw new Error(
      "Cannot generate scenes. Install Python 3 with tools/requirements.txt (set PYTHON to choose it), or pass a folder with --scenes.",
    );
  }
  return folder;
}

/** @param {string} folder @returns {Scene[]} */
function readScenes(folder) {
  const lines = readFileSync(join(folder, "scenes.jsonl"), "utf8").trim();
  /** @type {unknown} */
  const scenes = JSON.parse(`[${lines.split("\n").join(",")}]`);
  return /** @type {Scene[]} */ (scenes);
}

/** @param {string} folder @param {Scene[]} scenes */
async function measure(folder, scenes) {
  const { openPage } = await import("../tools/cli/page.mjs");
  const { model, device, dtype } = values;
  const page = await openPage({ model, device, dtype });
  /** @type {Map<string, { asked: number, exact: number }>} */
  const kinds = new Map();
  /** @type {Miss[]} */
  const misses = [];
  try {
    const info = await page.load();
    for (const [index, { file, questions }] of scenes.entries()) {
      for (const { kind, question, answer } of questions) {
        const { text: got } = await page.ask(join(folder, file), {
          prompt: question,
          size: values.size === undefined ? undefined : Number(values.size),
          maxTokens: 64,
        });
        const tally = kinds.get(kind) ?? { asked: 0, exact: 0 };
        tally.asked++;
        if (got.trim() === answer) tally.exact++;
        else misses.push({ file, kind, question, expected: answer, got });
        kinds.set(kind, tally);
      }
      if ((index + 1) % 25 === 0) {
        console.error(`${index + 1} of ${scenes.length} scenes`);
      }
    }
    return { info, kinds, misses };
  } finally {
    await page.close();
  }
}

async function main() {
  ensureInstalled();
  ensureBuilt();
  const folder =
    values.scenes === undefined
      ? generateScenes()
      : resolve(callerFolder, values.scenes);
  const scenes = readScenes(folder);
  const start = performance.now();
  const { info, kinds, misses } = await measure(folder, scenes);
  const seconds = Math.round((performance.now() - start) / 1000);

  const { name, device, adapter } = info;
  const dtype = [...new Set(Object.values(info.dtypes))].join(", ");
  console.log(
    `${name} (${dtype}) on ${device} (${adapter}): ${scenes.length} scenes in ${seconds} s`,
  );
  for (const [kind, { asked, exact }] of kinds) {
    const share = ((100 * exact) / asked).toFixed(1);
    console.log(
      `${kind.padEnd(10)} ${share.padStart(5)} %  ${exact} of ${asked}`,
    );
  }
  const result = {
    model: name,
    ...{ dtype, device, adapter },
    scenes: scenes.length,
    seed: values.scenes === undefined ? Number(values.seed) : null,
    kinds: Object.fromEntries(kinds),
    misses,
  };
  const out = writeRecord(values.out, "accuracy", result);
  console.log(`Result with misses: ${out}`);
}

await command("accuracy", main);
