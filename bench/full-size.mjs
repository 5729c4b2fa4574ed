// @ts-check
/**
 * `npm run full-size`: measures time and memory of loading a model of full size and
 * describing an image in the built page. Synthetic weights take the same time and
 * memory as trained ones. Never fails a build.
 */
import { rmSync } from "node:fs";
import { join, resolve } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { command } from "../tools/cli/command.mjs";
import { makeRecord, print, save, slug } from "./full-size-record.mjs";
import { processMemory } from "./processes.mjs";
import { openModel } from "./model-source.mjs";
import { syntheticNames } from "../tools/cli/synthetic/synthetic.mjs";
import {
  cache,
  callerFolder,
  ensureBuilt,
  ensureInstalled,
  root,
} from "../tools/cli/prepare.mjs";

const usage = `Usage: npm run full-size -- [options]

  --model NAME     a synthetic model (${syntheticNames.join(", ")}), or a model as for
                   describe (default fastvlm-0.5b)
  --device DEVICE  webgpu, wasm or auto (default auto)
  --dtype DTYPE    fp32, fp16, q4, q4f16 or auto (default auto)
  --size N         encoder input size (default 1024)
  --max-tokens N   maximum length of the answer (default 8)
  --image FILE     (default e2e/fixtures/picture.jpg)
  --out FILE       (default bench/results/ADAPTER-full-size.json)`;

const text = /** @type {const} */ ({ type: "string" });
const { values } = parseArgs({
  options: {
    model: { ...text, default: "fastvlm-0.5b" },
    device: { ...text, default: "auto" },
    dtype: { ...text, default: "auto" },
    size: { ...text, default: "1024" },
    "max-tokens": { ...text, default: "8" },
    image: { ...text, default: join(root, "e2e/fixtures/picture.jpg") },
    out: text,
    help: { type: "boolean", default: false },
  },
});

/**
 * Loads the model and asks a question while measuring memory.
 * @returns {Promise<import("./full-size-record.mjs").Measured>}
 */
async function measure() {
  const { openPage } = await import("../tools/cli/page.mjs");
  const source = await openModel(values.model);
  // A new profile without stored models.
  const profile = join(cache, "full-size");
  rmSync(profile, { recursive: true, force: true });
  process.env["XDG_CACHE_HOME"] = profile;
  /** @type {Record<string, number>} */
  const began = {};
  let memory = 0;
  const timer = setInterval(() => {
    memory = Math.max(memory, processMemory()?.now ?? 0);
  }, 250);
  const page = await openPage(
    { ...source, device: values.device, dtype: values.dtype },
    {
      onProgress: ({ phase }) => (began[phase] ??= performance.now()),
      onWait: () => undefined,
    },
  );
  try {
    const start = performance.now();
    const info = await page.load();
    const end = performance.now();
    const { preparing = end, warming = end } = began;
    const load = {
      download: (preparing - start) / 1000,
      prepare: (warming - preparing) / 1000,
      warmUp: (end - warming) / 1000,
    };
    const loaded = processMemory();
    const answer = await page.ask(resolve(callerFolder, values.image), {
      prompt: "Describe the image.",
      size: Number(values.size),
      maxTokens: Number(values["max-tokens"]),
    });
    return {
      info,
      load,
      answer,
      memory: {
        afterLoading: { ...info.memory, resident: loaded?.now },
        peaks: {
          resident: memory || undefined,
          processes: processMemory()?.peaks,
        },
      },
      browser: page.page.context().browser()?.version(),
    };
  } finally {
    clearInterval(timer);
    await page.close();
    await source.close();
    rmSync(profile, { recursive: true, force: true });
  }
}

async function main() {
  ensureInstalled();
  ensureBuilt();
  const measured = await measure();
  const run = makeRecord(values.model, Number(values.size), measured);
  print(run);
  const name = `${slug(measured.info)}-full-size.json`;
  const out =
    values.out === undefined
      ? join(root, "bench/results", name)
      : resolve(callerFolder, values.out);
  save(run, out);
  console.log(`Record: ${out}`);
}

await command("full-size", values.help ? usage : undefined, main);
