// @ts-check
/** The command line of `npm run describe`. */
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { callerFolder } from "./prepare.mjs";

export const usage = `Usage: npm run describe -- picture.png [more.jpg …] [options]

Prints what the model says about each picture.

  --prompt TEXT      the question (default "Describe the image.")
  --model MODEL      the carried model's name, a URL of a model folder, or a
                     local folder (default nano)
  --size N           side of the encoder's input in pixels, a multiple of 64
                     (default: what the model was made for)
  --max-tokens N     longest answer, in tokens (default 128)
  --device DEVICE    webgpu or wasm (default: what suits this machine)
  --dtype DTYPE      fp32, fp16, q4 or q4f16 (default fp32)
  --temperature T    0 is greedy (default 0)
  --top-k N          keep the N likeliest tokens (default 0: all)
  --top-p P          keep the likeliest tokens up to probability P (default 1)
  --repetition-penalty R   above 1 avoids repetition (default 1)
  --seed N           of the sampling (default 0)
  --json             one JSON object a line
  --help             this text

The exit code is 0, or 1 if anything failed; errors go to stderr, one line
each, as "describe: CODE: what happened and what to do".`;

/** A failure with one of the codes of src/shared/errors.ts. */
export class CliError extends Error {
  /** @param {import("../../src/shared/errors.ts").ErrorCode} code @param {string} message */
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

/** @param {string} message */
const badOption = (message) =>
  new CliError("bad-option", `${message} See npm run describe -- --help.`);

/**
 * @param {string} flag
 * @param {string | undefined} text
 * @param {{ integer?: boolean, min: number, max?: number, step?: number }} range
 */
function number(flag, text, { integer = true, min, max = Infinity, step = 1 }) {
  if (text === undefined) return undefined;
  const value = Number(text);
  const fits =
    text.trim() !== "" &&
    Number.isFinite(value) &&
    value >= min &&
    value <= max &&
    (!integer || Number.isInteger(value)) &&
    (!integer || value % step === 0);
  if (fits) return value;
  const kind = integer ? "a whole number" : "a number";
  const multiple = step > 1 ? `, a multiple of ${step}` : "";
  const upper = max === Infinity ? "" : ` and at most ${max}`;
  throw badOption(
    `--${flag} takes ${kind} of at least ${min}${upper}${multiple}, not "${text}".`,
  );
}

/**
 * @template {string} T
 * @param {string} flag
 * @param {string | undefined} text
 * @param {readonly T[]} choices
 * @returns {T | undefined}
 */
function choice(flag, text, choices) {
  if (text === undefined) return undefined;
  const found = choices.find((name) => name === text);
  if (found !== undefined) return found;
  throw badOption(`--${flag} takes ${choices.join(", ")}; not "${text}".`);
}

const text = /** @type {const} */ ({ type: "string" });
const flag = /** @type {const} */ ({ type: "boolean", default: false });

/** @param {string[]} args */
function parse(args) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        prompt: text,
        model: text,
        size: text,
        "max-tokens": text,
        device: text,
        dtype: text,
        temperature: text,
        "top-k": text,
        "top-p": text,
        "repetition-penalty": text,
        seed: text,
        json: flag,
        help: flag,
      },
    });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw badOption(message.split(/\.\s/)[0]?.replace(/\.?$/, ".") ?? message);
  }
}

/** @param {string[]} args */
export function readOptions(args) {
  const { values, positionals } = parse(args);
  if (values.help) return undefined;
  if (positionals.length === 0) throw badOption("No picture was named.");
  return {
    files: positionals.map((name) => ({
      name,
      path: resolve(callerFolder, name),
    })),
    prompt: values.prompt ?? "Describe the image.",
    model: values.model ?? "nano",
    size: number("size", values.size, { min: 64, max: 2048, step: 64 }),
    maxTokens:
      number("max-tokens", values["max-tokens"], { min: 1, max: 4096 }) ?? 128,
    device:
      choice("device", values.device, ["webgpu", "wasm", "auto"]) ?? "auto",
    dtype:
      choice("dtype", values.dtype, ["fp32", "fp16", "q4", "q4f16"]) ?? "fp32",
    sampling: {
      temperature:
        number("temperature", values.temperature, {
          integer: false,
          min: 0,
        }) ?? 0,
      topK: number("top-k", values["top-k"], { min: 0 }) ?? 0,
      topP:
        number("top-p", values["top-p"], {
          integer: false,
          min: 0,
          max: 1,
        }) ?? 1,
      repetitionPenalty:
        number("repetition-penalty", values["repetition-penalty"], {
          integer: false,
          min: 0.1,
        }) ?? 1,
      seed: number("seed", values.seed, { min: 0 }) ?? 0,
    },
    json: values.json,
  };
}

/** @typedef {NonNullable<ReturnType<typeof readOptions>>} Options */
