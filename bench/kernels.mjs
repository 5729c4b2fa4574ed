// @ts-check
/**
 * Compares our kernels with ONNX Runtime's for every shape in a model's graphs, as
 * done when the model is loaded. Never fails a build.
 */
import { command, flag, readArguments, text } from "../tools/cli/command.mjs";
import { withDevPage } from "./dev-page.mjs";
import { openModel } from "./model-source.mjs";
import { machine, recordName, versions, writeRecord } from "./record.mjs";
import { ensureInstalled } from "../tools/cli/prepare.mjs";

const usage = `Usage: node bench/kernels.mjs [options]

  --model NAME     nano (default) or a synthetic model
  --size N         encoder input size (default 256)
  --lengths LIST   decoder sequence lengths, separated by commas (default 1,40)
  --decoder DTYPE  fp32 (default), fp16, q4 or q4f16
  --encoder DTYPE  fp32 (default) or fp16
  --software       use the software adapter, even if there is a GPU
  --out FILE       (default bench/results/ADAPTER-kernels.json)`;

const { values } = readArguments("kernels", usage, {
  model: { ...text, default: "nano" },
  size: { ...text, default: "256" },
  lengths: { ...text, default: "1,40" },
  decoder: { ...text, default: "fp32" },
  encoder: { ...text, default: "fp32" },
  software: flag,
  out: text,
});

/** @typedef {import("../workers/bench/messages.ts").KernelAnswer} Answer */
/** @typedef {Extract<Answer, { adapter: string }>} Found */
/** @typedef {import("../workers/bench/messages.ts").KernelTrial} Trial */

/** @returns {Promise<Found>} */
async function measure() {
  const source = await openModel(values.model);
  const { model, hub } = source;
  try {
    const { software } = values;
    return await withDevPage({ software }, async (page, base) => {
      const question = {
        model:
          hub === undefined
            ? { kind: "url", url: `${base}models/${model}/` }
            : { kind: "url", url: `${hub}/${model}/resolve/main/` },
        dtypes: {
          vision_encoder: values.encoder,
          embed_tokens: "fp32",
          decoder_model_merged: values.decoder,
        },
        size: Number(values.size),
        lengths: values.lengths.split(",").map(Number),
      };
      const answer = await page.evaluate(ask, question);
      if ("failed" in answer) throw new Error(answer.failed);
      return answer;
    });
  } finally {
    await source.close();
  }
}

/**
 * Runs in the page.
 * @param {unknown} question
 * @returns {Promise<Answer>}
 */
function ask(question) {
  const worker = new Worker("/workers/bench/kernels.worker.ts", {
    type: "module",
  });
  return new Promise((resolve, reject) => {
    worker.onmessage = (/** @type {MessageEvent<Answer>} */ { data }) => {
      resolve(data);
    };
    worker.onerror = ({ message }) => {
      reject(new Error(message));
    };
    worker.postMessage(question);
  });
}

/**
 * The time that the operation takes at the measured rates, relative to that of the
 * chosen kernel: whichever of products and memory takes longer limits it.
 * @param {Trial} trial
 * @param {Found["rates"]} rates
 */
function roofline({ operation, multiplyAdds, bytes, ...trial }, rates) {
  const isHalf = operation.endsWith("float16");
  const matmul = (isHalf ? rates.matmulHalf : undefined) ?? rates.matmul;
  const floor = 1000 * Math.max(multiplyAdds / matmul, bytes / rates.copy);
  const { faster, ortMs, kernelMs } = trial;
  return floor / (faster === "kernel" ? kernelMs : ortMs);
}

/**
 * @param {Trial} trial
 * @param {Found["rates"]} rates
 */
function line(trial, rates) {
  const { operation, count, faster, ortMs, kernelMs, kernel, fault } = trial;
  const ms = (/** @type {number} */ time) => time.toFixed(2).padStart(9);
  const ratio = `${(ortMs / kernelMs).toFixed(1)}x`.padStart(8);
  const who = faster === "kernel" ? kernel : `ORT's (${fault ?? kernel})`;
  const times = String(count).padStart(3);
  const share = `${(100 * roofline(trial, rates)).toFixed(0)}%`.padStart(5);
  return `${times} ${ms(ortMs)} ${ms(kernelMs)} ${ratio} ${share}  ${operation} · ${who}`;
}

/** @param {readonly Trial[]} trials */
function total(trials) {
  const sum = (/** @type {(trial: Trial) => number} */ time) =>
    trials.reduce((all, one) => all + one.count * (time(one) || 0), 0);
  const ort = sum(({ ortMs }) => ortMs);
  const now = sum(({ faster, ortMs, kernelMs }) =>
    faster === "kernel" ? kernelMs : ortMs,
  );
  return { ort, now };
}

/** @param {Found} found */
function print({ adapter, rates, graphs }) {
  const amount = (/** @type {number} */ rate) => (rate / 1e9).toFixed(2);
  console.log(
    `${adapter}: ${amount(rates.matmul)} G multiply-adds/s, ${amount(rates.copy)} GB/s`,
  );
  console.log("ms: count, ORT, our kernel, ratio, of the roofline");
  for (const { graph, overrides } of graphs) {
    const { ort, now } = total(overrides);
    const ratio = (ort / now).toFixed(1);
    console.log(
      `\n${graph}: ${ort.toFixed(0)} ms → ${now.toFixed(0)} ms (${ratio}x)`,
    );
    for (const trial of overrides) console.log(line(trial, rates));
  }
}

await command("kernels", async () => {
  ensureInstalled();
  const found = await measure();
  print(found);
  const { model, size, encoder, decoder } = values;
  const record = {
    date: new Date().toISOString(),
    versions: versions(),
    device: "webgpu",
    ...{ model, size: Number(size), dtypes: { encoder, decoder } },
    machine: machine(),
    ...found,
  };
  const name = `${recordName(record, {
    size: size === "256" ? "0" : size,
  })}-kernels`;
  console.log(`\nRecord: ${writeRecord(values.out, name, record)}`);
});
