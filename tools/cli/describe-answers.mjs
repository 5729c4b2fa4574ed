// @ts-check
/** Asks the questions of `describe` and prints the answers. */
import process from "node:process";

/**
 * @typedef {import("./describe-options.mjs").Options} Options
 * @typedef {import("./page.mjs").Page} Page
 * @typedef {import("../../src/shared/protocol.ts").Answer} Answer
 * @typedef {import("../../src/shared/protocol.ts").ModelInfo} ModelInfo
 * @typedef {{ name: string, path: string }} File
 */

/**
 * Asks the prompt and every follow-up question about the same images.
 * @param {Page} page
 * @param {readonly File[]} files
 * @param {Options} options
 * @param {ModelInfo} info
 */
export async function converse(page, files, options, info) {
  const paths = files.map(({ path }) => path);
  const { size, maxTokens, sampling, anyres, fit, promptStyle, background } =
    options;
  /** @type {import("./page-scripts.mjs").Turn[]} */
  const messages = [];
  for (const prompt of [options.prompt, ...options.turns]) {
    const print = printer(files, prompt, options, info);
    const question = {
      ...{ prompt, messages, size, maxTokens, sampling, anyres, background },
      ...(fit && { fit }),
      ...(promptStyle && { promptStyle }),
    };
    const answer = await page
      .ask(paths, question, print.token)
      .finally(print.end);
    print.answer(answer);
    messages.push({ role: "user", text: prompt });
    messages.push({ role: "assistant", text: answer.text });
  }
}

/**
 * Prints an answer: streamed on a terminal, otherwise when it is complete.
 * @param {readonly File[]} files
 * @param {string} prompt
 * @param {Options} options
 * @param {ModelInfo} info
 */
function printer(files, prompt, options, info) {
  const { device, deviceReason, adapter, backend, backendReason } = info;
  const live = process.stdout.isTTY && !options.json;
  const [{ name } = { name: "" }] = files;
  const apart = options.files.length > 1 && !options.together;
  const prefix = apart ? `${name}: ` : "";
  const named = options.together
    ? { files: files.map((file) => file.name) }
    : { file: name };
  let started = false;
  return {
    token: (/** @type {string} */ text) => {
      if (!live) return;
      process.stdout.write(started ? text : prefix + text);
      started = true;
    },
    end: () => {
      if (started) process.stdout.write("\n");
    },
    /** @param {Answer} answer */
    answer: ({ text, tokenIds, finish, imageTokens, timings }) => {
      const { preprocess, encode, prefill, firstToken, total } = timings;
      const line = {
        ...named,
        ...{ model: options.model ?? "nano", prompt, text, tokenIds, finish },
        ...{
          device,
          ...(deviceReason && { deviceReason }),
          adapter,
          backend,
          ...(backendReason && { backendReason }),
        },
        imageTokens,
        timings: {
          ...{ preprocess, encode, prefill, firstToken, total },
          tokensPerSecond: timings.tokensPerSecond,
        },
      };
      if (options.json) process.stdout.write(`${JSON.stringify(line)}\n`);
      else if (!live) process.stdout.write(`${prefix}${text}\n`);
    },
  };
}
