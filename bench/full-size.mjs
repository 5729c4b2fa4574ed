// @ts-check
/**
 * `npm run full-size`: measures time and memory of loading a model of full size and
 * describing an image in the built page. Synthetic weights take the same time and
 * memory as trained ones. Never fails a build.
 */
import { rmSync } from "node:fs";
import { join, resolve } from "node:path";
import process from "node:process";
import { command, readArguments, text } from "../tools/cli/command.mjs";
import { processMemory } from "./processes.mjs";
import { openModel } from "./model-source.mjs";
import { machine, recordName, versions, writeRecord } from "./record.mjs";
import { waitForBackend } from "../tools/cli/page-scripts.mjs";
import { syntheticNames } from "../tools/cli/synthetic/synthetic.mjs";
import {
  cache,
  callerFolder,
  ensureBuilt,
  ensureInstalled,
  root,
} from "../tools/cli/prepare.mjs";
import { formatBytes } from "../tools/cli/units.mjs";

const usage = `Usage: npm run full-size -- [options]

  --model NAME     a synthetic model (${syntheticNames.join(", ")}), or a model as for
                   describe (default fastvlm-0.5b)
  --device DEVICE  webgpu, wasm or auto (default auto)
  --dtype DTYPE    fp32, fp16, q4, q4f16 or auto (default auto)
  --size N         encoder input size (default 1024)
  --max-tokens N   maximum length of the answer (default 8)
  --image FILE     (default e2e/fixtures/photo.jpg)
  --out FILE       (default bench/results/ADAPTER-MODEL-SIZE-full-size.json)`;

const { values } = readArguments("full-size", usage, {
  model: { ...text, default: "fastvlm-0.5b" },
  device: { ...text, default: "auto" },
  dtype: { ...text, default: "auto" },
  size: { ...text, default: "1024" },
  "max-tokens": { ...text, default: "8" },
  image: { ...text, default: join(root, "e2e/fixtures/photo.jpg") },
  out: text,
});

/**
 * Loads the model and asks a question while measuring memory.
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
  let peak = 0;
  const timer = setInterval(() => {
    peak = Math.max(peak, processMemory()?.now ?? 0);
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
    await page.load();
    const end = performance.now();
    const info = await page.page.evaluate(waitForBackend);
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
      date: new Date().toISOString(),
      versions: versions(),
      browser: page.page.context().browser()?.version(),
      device: info.device,
      adapter: info.adapter,
      model: source.model,
      dtypes: info.dtypes,
      size: Number(values.size),
      machine: machine(),
      bytes: info.bytes,
      load,
      memory: {
        afterLoading: { ...info.memory, resident: loaded?.now },
        peak: { resident: peak || undefined, ...processMemory()?.peaks },
      },
      engines: [{ name: "fast-vlm:no-draft", captions: [captionOf(answer)] }],
    };
  } finally {
    clearInterval(timer);
    await page.close();
    await source.close();
    rmSync(profile, { recursive: true, force: true });
  }
}

/** @param {import("../src/shared/protocol.ts").Answer} answer */
const captionOf = ({
  timings,
  imageTokens,
  promptTokens,
  tokenIds,
  finish,
}) => ({
  ...{ ...timings, imageTokens, promptTokens, tokens: tokenIds.length, finish },
});

/** @param {Awaited<ReturnType<typeof measure>>} record */
function print({ load, memory, machine, engines, ...run }) {
  const [caption] = engines[0]?.captions ?? [];
  if (caption === undefined) throw new Error("The record has no caption.");
  const time = (/** @type {number} */ s) => `${s.toFixed(s < 10 ? 2 : 1)} s`;
  const size = (/** @type {number | undefined} */ bytes) =>
    bytes === undefined ? "unknown" : formatBytes(bytes);
  const dtypes = Object.values(run.dtypes).join(" / ");
  const { imageTokens, promptTokens, tokens, tokensPerSecond } = caption;
  const rows = {
    model: `${run.model}, ${formatBytes(run.bytes)}, ${dtypes}`,
    device: `${run.device}, ${run.adapter} (${machine.processor})`,
    "load average": String(machine.loadAverage),
    download: time(load.download),
    prepare: time(load.prepare),
    "warm up": time(load.warmUp),
    preprocess: time(caption.preprocess / 1000),
    encode: `${time(caption.encode / 1000)} (${run.size} px, ${imageTokens} tokens)`,
    prefill: `${time(caption.prefill / 1000)} (${promptTokens} tokens)`,
    "first token": time(caption.firstToken / 1000),
    decode: `${tokensPerSecond.toFixed(2)} tokens/s (${tokens} tokens)`,
    "loaded: GPU": size(memory.afterLoading.gpu),
    "loaded: wasm heap": size(memory.afterLoading.wasm),
    "loaded: resident": size(memory.afterLoading.resident),
    ...Object.fromEntries(
      Object.entries(memory.peak).map(([kind, bytes]) => [
        `peak: ${kind}`,
        size(bytes),
      ]),
    ),
  };
  for (const [name, value] of Object.entries(rows)) {
    console.log(`${name.padEnd(20)}${value}`);
  }
}

await command("full-size", async () => {
  ensureInstalled();
  ensureBuilt();
  const record = await measure();
  print(record);
  const name = recordName({ ...record, model: values.model }, values);
  const out = writeRecord(values.out, `${name}-full-size`, record);
  console.log(`Record: ${out}`);
});
