// @ts-check
/**
 * `npm run soak`: captions thousands of frames, like a camera's, and measures the
 * memory of the page and its worker. Never fails a build.
 */
import { withPage } from "./bench-page.mjs";
import { command, flag, readArguments, text } from "../tools/cli/command.mjs";
import { processMemory } from "./processes.mjs";
import { machine, recordName, versions, writeRecord } from "./record.mjs";
import { growths, tableOf } from "./soak-record.mjs";
import { watchThreads } from "./threads.mjs";
import { ensureBuilt, ensureInstalled } from "../tools/cli/prepare.mjs";

const smallest = "64";

const usage = `Usage: npm run soak -- [options]

  --frames N       (default 10000)
  --every N        frames between memory samples (default 250)
  --size N         size of frames and encoder input (default ${smallest}: one image
                   token)
  --model MODEL    nano (default), or as for bench
  --dtype DTYPE    fp32, fp16, q4, q4f16 or auto (default auto)
  --max-tokens N   maximum length of a caption (default 12)
  --software       use the software adapter, even if there is a GPU
  --out FILE       record (default bench/results/ADAPTER-soak.json, with model
                   and size if they are not the defaults)

Most frames are like a camera's: without image id, with drafts, without change
detection, every other one a VideoFrame. In each twenty frames, three requests are
aborted at different moments, three are about an image with an id (with a second
and a follow-up question), and one each is not square, has two images, uses
sampling, or is invalid. JavaScript heaps are measured after garbage collection,
WebGPU objects are counted in the worker, and process memory is read from /proc.`;

const { values } = readArguments("soak", usage, {
  frames: { ...text, default: "10000" },
  every: { ...text, default: "250" },
  size: { ...text, default: smallest },
  model: { ...text, default: "nano" },
  dtype: text,
  "max-tokens": { ...text, default: "12" },
  software: flag,
  out: text,
});

/** @param {string} name @param {string} given */
function whole(name, given) {
  const value = Number(given);
  if (Number.isInteger(value) && value > 0) return value;
  throw new Error(`Invalid number of ${name}: “${given}”.`);
}

/** @typedef {import("./soak-record.mjs").Sample} Sample */

/**
 * @param {import("playwright").Page} page
 * @param {() => Promise<void>} show
 */
async function soak(page, show) {
  const [frames, every] = [
    whole("frames", values.frames),
    whole("frames", values.every),
  ];
  browser = page.context().browser()?.version() ?? "";
  const threads = await watchThreads(page);
  await show();
  await page.waitForFunction(() => "soak" in window);
  console.error("Loading");
  const info = await page.evaluate(() => window.soak.load());
  /** @type {Sample[]} */
  const samples = [];
  const start = performance.now();
  /** @param {import("../src/pages/soak/main.ts").FeedResult} [fed] */
  const sampleMemory = async (fed) => {
    const [own, worker] = [
      await threads.page(),
      await threads.worker(/counting/),
    ];
    const { bytes, handles, wasm } = await page.evaluate(() =>
      window.soak.use(),
    );
    const seconds = (performance.now() - start) / 1000;
    const resident = processMemory()?.kinds;
    const at = { frames: done, seconds, resident };
    const held = { page: own, worker, wasm, gpu: { bytes, handles } };
    const sample = { ...at, ...held, ...(fed && { fed }) };
    samples.push(sample);
    save(info, samples);
    console.error(tableOf([sample]).at(-1));
  };
  let done = 0;
  console.error(tableOf([])[0]);
  await sampleMemory();
  while (done < frames) {
    const count = Math.min(every, frames - done);
    const fed = await page.evaluate(
      ([from = 0, most = 0]) => window.soak.feed(from, most),
      [done, count],
    );
    done += count;
    await sampleMemory(fed);
  }
  return { info, samples };
}

/** @typedef {import("../src/shared/protocol.ts").ModelInfo} ModelInfo */

/** Called after every sample, so that an interrupted run leaves its samples. */
function save(
  /** @type {ModelInfo} */ info,
  /** @type {readonly Sample[]} */ samples,
) {
  const size = Number(values.size);
  const record = {
    date: new Date().toISOString(),
    versions: versions(),
    browser,
    device: info.device,
    adapter: info.adapter,
    backend: info.backend,
    backendReason: info.backendReason,
    model: values.model,
    dtypes: info.dtypes,
    ...{ size, maxTokens: Number(values["max-tokens"]) },
    machine: machine(),
    growthPerThousand: growths(samples),
    samples,
  };
  const asked = {
    ...values,
    size: values.size === smallest ? "0" : values.size,
  };
  return writeRecord(values.out, `${recordName(record, asked)}-soak`, record);
}

let browser = "";

await command("soak", async () => {
  ensureInstalled();
  ensureBuilt();
  const { model, size, dtype } = values;
  const search = { size, dtype, "max-tokens": values["max-tokens"] };
  const { software } = values;
  const asked = { model, software, search };
  const { info, samples } = await withPage("soak", asked, soak);
  console.log(tableOf(samples).join("\n"));
  console.log(`Record: ${save(info, samples)}`);
});
