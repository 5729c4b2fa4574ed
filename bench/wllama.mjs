// @ts-check
/**
 * Compares the decoder on WASM with wllama (llama.cpp): a GGUF file of the same shapes,
 * with meaningless weights, so only speed is compared. Both are loaded in one page and
 * alternate. Never fails a build.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { command, readArguments, text } from "../tools/cli/command.mjs";
import { cache, ensureInstalled, readJson } from "../tools/cli/prepare.mjs";
import { withDevPage } from "./dev-page.mjs";
import { writeGguf } from "./gguf.mjs";
import { openModel } from "./model-source.mjs";
import {
  machine,
  packageVersion,
  recordName,
  versions,
  writeRecord,
} from "./record.mjs";

/** @typedef {import("./gguf.mjs").DecoderConfig} DecoderConfig */

const usage = `Usage: node bench/wllama.mjs [options]

  --model NAME     a synthetic model (default fastvlm-0.5b)
  --dtype DTYPE    q8 (default), or q4 against Q4_0
  --rounds N       answers of each (default 3)
  --max-tokens N   (default 16)
  --out FILE       (default bench/results/wasm-MODEL-64-DTYPE-wllama.json)`;

const { values } = readArguments("wllama", usage, {
  model: { ...text, default: "fastvlm-0.5b" },
  dtype: { ...text, default: "q8" },
  rounds: { ...text, default: "3" },
  "max-tokens": { ...text, default: "16" },
  out: text,
});

/** The smallest encoder input, so that the image costs next to nothing. */
const size = 64;
/** @type {Record<string, "q8_0" | "q4_0">} */
const ggufTypes = { q8: "q8_0", q4: "q4_0" };
const wllama = "node_modules/@wllama/wllama";

/**
 * Times of one answer.
 * @typedef {object} Round
 * @property {number} promptTokens
 * @property {number} prefill milliseconds from the question to the first token, without
 * the image encoder
 * @property {number} tokensPerSecond
 */

/**
 * Runs in the page: both programs answer in turn.
 * @param {{ base: string, hub: string, model: string, gguf: string, dtype: string,
 *   size: number, rounds: number, maxTokens: number }} asked
 */
async function compare(asked) {
  const { base, rounds, size, maxTokens } = asked;
  /** @type {(path: string) => Promise<unknown>} */
  const load = (path) => import(`${base}${path}`);
  const { openFastVlm } =
    /** @type {typeof import("../src/pages/bench/fast-vlm.ts")} */ (
      await load("src/pages/bench/fast-vlm.ts")
    );
  const { renderFrame } =
    /** @type {typeof import("../src/pages/bench/clip.ts")} */ (
      await load("src/pages/bench/clip.ts")
    );
  const { Wllama } = /** @type {typeof import("@wllama/wllama")} */ (
    await load("node_modules/@wllama/wllama/esm/index.js")
  );
  const model = /** @type {const} */ ({
    kind: "hub",
    endpoint: asked.hub,
    id: asked.model,
    revision: "main",
  });
  const fastVlm = await openFastVlm(
    {
      model,
      device: "wasm",
      backend: "auto",
      dtype: {
        vision_encoder: "fp32",
        decoder_model_merged: /** @type {"q8"} */ (asked.dtype),
      },
    },
    false,
    () => undefined,
  );
  await fastVlm.settled;
  const wasm = `${base}node_modules/@wllama/wllama/esm/wasm/wllama.wasm`;
  const wllama = new Wllama({ default: wasm }, { suppressNativeLog: true });
  const threads = Math.min(4, navigator.hardwareConcurrency);
  await wllama.loadModel([await (await fetch(asked.gguf)).blob()], {
    n_ctx: 1024,
    n_threads: threads,
    n_gpu_layers: 0,
  });

  /** @returns {Promise<Round>} */
  const askFastVlm = async (/** @type {number} */ at) => {
    const frame = renderFrame(at, size);
    const question = { text: "Describe the image.", size, maxTokens };
    const { stages, tokensPerSecond = 0 } = await fastVlm.caption(
      frame,
      question,
    );
    const promptTokens = fastVlm.promptTokens();
    return { promptTokens, prefill: stages.prefill ?? 0, tokensPerSecond };
  };

  /** Every letter is a token. @returns {Promise<Round>} */
  const askWllama = async (
    /** @type {number} */ at,
    /** @type {number} */ promptTokens,
  ) => {
    const letters = Array.from({ length: promptTokens }, (_, i) =>
      String.fromCharCode(97 + ((i * 7 + at) % 26)),
    );
    const start = performance.now();
    const stream = await wllama.createCompletion({
      prompt: letters.join(""),
      max_tokens: maxTokens,
      temperature: 0,
      stream: true,
    });
    const times = [];
    for await (const { choices } of stream) {
      if (choices[0]?.text) times.push(performance.now());
    }
    const [first = start, last = first] = [times[0], times.at(-1)];
    const rate = ((times.length - 1) * 1000) / (last - first);
    return { promptTokens, prefill: first - start, tokensPerSecond: rate };
  };

  const found = {
    "fast-vlm": /** @type {Round[]} */ ([]),
    wllama: /** @type {Round[]} */ ([]),
  };
  // The first answers warm up.
  for (let at = 0; at <= rounds; at++) {
    const ours = await askFastVlm(at);
    const theirs = await askWllama(at, ours.promptTokens);
    if (at === 0) continue;
    found["fast-vlm"].push(ours);
    found.wllama.push(theirs);
  }
  const { backend, backendReason, dtypes } = fastVlm.info;
  await wllama.exit();
  await fastVlm.dispose();
  return { backend, backendReason, dtypes, threads, found };
}

await command("wllama", async () => {
  ensureInstalled();
  const type = ggufTypes[values.dtype];
  if (type === undefined) {
    throw new Error(`--dtype must be q8 or q4, not ${values.dtype}.`);
  }
  const source = await openModel(values.model);
  const { hub } = source;
  if (hub === undefined) {
    throw new Error(`${values.model} is not a synthetic model.`);
  }
  try {
    const folder = join(cache, "synthetic", values.model);
    const gguf = `decoder.${type}.gguf`;
    if (!existsSync(join(folder, gguf))) {
      const config = readJson(join(folder, "config.json"));
      writeGguf(
        join(folder, gguf),
        /** @type {DecoderConfig} */ (config),
        type,
      );
    }
    const rounds = Number(values.rounds);
    const found = await withDevPage({}, (page, base) =>
      page.evaluate(compare, {
        ...{ base, hub, size, rounds, dtype: values.dtype },
        model: source.model,
        gguf: `${hub}/${source.model}/resolve/main/${gguf}`,
        maxTokens: Number(values["max-tokens"]),
      }),
    );
    print(found);
    const record = {
      date: new Date().toISOString(),
      versions: { ...versions(), "@wllama/wllama": packageVersion(wllama) },
      device: "wasm",
      model: values.model,
      ...{ size, gguf },
      machine: machine(),
      ...found,
    };
    const asked = { size: String(size), dtype: values.dtype };
    const name = `${recordName({ ...record, adapter: "wasm" }, asked)}-wllama`;
    console.log(`Record: ${writeRecord(values.out, name, record)}`);
  } finally {
    await source.close();
  }
});

/** The middle one, the upper of two. @param {number[]} numbers */
function median(numbers) {
  numbers.sort((a, b) => a - b);
  return numbers[Math.floor(numbers.length / 2)] ?? NaN;
}

/** @param {Awaited<ReturnType<typeof compare>>} found */
function print({ backend, threads, found }) {
  console.log(`${values.model}, ${values.dtype}, ${threads} threads, medians`);
  for (const [name, rounds] of Object.entries(found)) {
    const of = (/** @type {(round: Round) => number} */ take) =>
      median(rounds.map(take)).toFixed(1);
    const program = name === "fast-vlm" ? `fast-vlm (${backend})` : name;
    console.log(
      [
        program.padEnd(20),
        `prefill of ${rounds[0]?.promptTokens} tokens ${of(({ prefill }) => prefill)} ms,`,
        `${of(({ tokensPerSecond }) => tokensPerSecond)} tokens per second`,
      ].join(" "),
    );
  }
}
