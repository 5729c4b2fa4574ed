// @ts-check
/** Records and prints a run of `npm run full-size`. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { root } from "../tools/cli/prepare.mjs";
import { formatBytes } from "../tools/cli/units.mjs";

/**
 * @typedef {import("../src/shared/protocol.ts").ModelInfo} ModelInfo
 * @typedef {object} Measured
 * @property {ModelInfo} info
 * @property {{ download: number, prepare: number, warmUp: number }} load seconds
 * @property {import("../src/shared/protocol.ts").Answer} answer
 * @property {Memory} memory
 * @property {string | undefined} browser
 *
 * @typedef {object} Memory bytes; absent if unknown
 * @property {ModelInfo["memory"] & { resident?: number | undefined }} afterLoading
 * @property {object} peaks
 * @property {number | undefined} peaks.resident of all processes
 * @property {Record<string, number> | undefined} peaks.processes
 */

/** File name of a record. @param {ModelInfo} info */
export function slug({ device, adapter }) {
  if (device === "wasm") return "wasm";
  return adapter.toLowerCase().replace(/[^a-z0-9]+/g, "-");
}

/** @param {string} path @returns {unknown} */
const readJson = (path) => JSON.parse(readFileSync(path, "utf8"));

/** @param {string} name of a package */
export function versionOf(name) {
  const path = join(root, "node_modules", name, "package.json");
  return /** @type {{ version: string }} */ (readJson(path)).version;
}

/** `git describe` of this clone; undefined outside of a clone. */
export function commit() {
  try {
    const args = ["describe", "--always", "--dirty"];
    return execFileSync("git", args, {
      cwd: root,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }).trim();
  } catch {
    return undefined;
  }
}

/** @param {string} model @param {number} size @param {Measured} measured */
export function makeRecord(model, size, measured) {
  const { info, load, answer, memory, browser } = measured;
  const { timings, imageTokens, promptTokens, tokenIds, finish } = answer;
  return {
    ...{ model, size },
    dtypes: info.dtypes,
    device: info.device,
    adapter: info.adapter,
    processor: `${cpus().length} x ${cpus()[0]?.model.trim() ?? "?"}`,
    // Above the number of processors, other programs slowed the run down.
    loadAverage: Number((loadavg()[0] ?? 0).toFixed(1)),
    bytes: info.bytes,
    seconds: load,
    ...{ imageTokens, promptTokens, tokens: tokenIds.length, finish },
    milliseconds: timings,
    memory,
    versions: {
      fastVlm: commit(),
      browser,
      onnxruntimeWeb: versionOf("onnxruntime-web"),
      node: process.versions.node,
    },
    date: new Date().toISOString(),
  };
}

/** @typedef {ReturnType<typeof makeRecord>} Run */

/**
 * Replaces the previous run with the same model, size and dtypes.
 * @param {Run} run @param {string} out
 */
export function save(run, out) {
  const key = (/** @type {Run} */ { model, size, dtypes }) =>
    JSON.stringify([model, size, dtypes]);
  const before = existsSync(out) ? /** @type {Run[]} */ (readJson(out)) : [];
  const runs = [...before.filter((old) => key(old) !== key(run)), run];
  mkdirSync(dirname(out), { recursive: true });
  writeFileSync(out, `${JSON.stringify(runs, null, 2)}\n`);
}

/** @param {Run} run */
export function print({ seconds, milliseconds, memory, ...run }) {
  const time = (/** @type {number} */ s) => `${s.toFixed(s < 10 ? 2 : 1)} s`;
  const size = (/** @type {number | undefined} */ bytes) =>
    bytes === undefined ? "unknown" : formatBytes(bytes);
  const { afterLoading, peaks } = memory;
  const rows = [
    [
      "model",
      `${run.model}, ${formatBytes(run.bytes)}, ${Object.values(run.dtypes).join(" / ")}`,
    ],
    ["device", `${run.device}, ${run.adapter} (${run.processor})`],
    ["load average", String(run.loadAverage)],
    ["download", time(seconds.download)],
    ["prepare", time(seconds.prepare)],
    ["warm up", time(seconds.warmUp)],
    ["preprocess", time(milliseconds.preprocess / 1000)],
    [
      "encode",
      `${time(milliseconds.encode / 1000)} (${run.size} px, ${run.imageTokens} tokens)`,
    ],
    [
      "prefill",
      `${time(milliseconds.prefill / 1000)} (${run.promptTokens} tokens)`,
    ],
    ["first token", time(milliseconds.firstToken / 1000)],
    [
      "decode",
      `${milliseconds.tokensPerSecond.toFixed(2)} tokens/s (${run.tokens} tokens)`,
    ],
    ["loaded: GPU", size(afterLoading.gpu)],
    ["loaded: wasm heap", size(afterLoading.wasm)],
    ["loaded: resident", size(afterLoading.resident)],
    ["peak: resident", size(peaks.resident)],
    ...Object.entries(peaks.processes ?? {}).map(([kind, bytes]) => [
      `peak: ${kind}`,
      size(bytes),
    ]),
  ];
  for (const [name = "", value = ""] of rows) {
    console.log(`${name.padEnd(20)}${value}`);
  }
}
