// @ts-check
/** The command line options of `npm run describe`. */
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { callerFolder } from "./prepare.mjs";

/** An error with a code of src/shared/errors.ts. */
export class CliError extends Error {
  /** @param {import("../../src/shared/errors.ts").ErrorCode} code @param {string} message */
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

/** @param {string} message */
const badOption = (message) =>
  new CliError("bad-option", `${message} Run npm run describe -- --help.`);

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
    `--${flag} must be ${kind} of at least ${min}${upper}${multiple}, not "${text}".`,
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
  throw badOption(
    `--${flag} must be one of ${choices.join(", ")}, not "${text}".`,
  );
}

/**
 * Checks the syntax only; the page checks the names of graphs.
 * @param {string} [text]
 */
function dtype(text = "auto") {
  const all = /^(auto|fp32|fp16|q4|q4f16)$/;
  const each = /^\s*\w+\s*=\s*(fp32|fp16|q4|q4f16)\s*$/;
  if (all.test(text) || text.split(",").every((part) => each.test(part))) {
    return text;
  }
  throw badOption(
    `--dtype must be auto, fp32, fp16, q4, q4f16 or GRAPH=DTYPE,…, not "${text}".`,
  );
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
        turn: { ...text, multiple: true, default: [] },
        together: flag,
        model: text,
        hub: text,
        consent: flag,
        fit: text,
        size: text,
        anyres: flag,
        "prompt-style": text,
        "max-tokens": text,
        device: text,
        dtype: text,
        backend: text,
        temperature: text,
        "top-k": text,
        "top-p": text,
        "repetition-penalty": text,
        seed: text,
        models: flag,
        remove: text,
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
  const asks = !values.models && values.remove === undefined;
  if (asks && positionals.length === 0) throw badOption("No image file given.");
  if (!asks && positionals.length > 0) {
    throw badOption("--models and --remove take no image files.");
  }
  if (values.hub !== undefined && !/^https?:\/\/[^/]/.test(values.hub)) {
    throw badOption(`--hub must be a URL, not "${values.hub}".`);
  }
  return {
    files: positionals.map((name) => ({
      name,
      path: resolve(callerFolder, name),
    })),
    prompt: values.prompt ?? "Describe the image.",
    turns: values.turn,
    together: values.together,
    model: values.model,
    hub: values.hub,
    consent: values.consent,
    fit: choice("fit", values.fit, ["letterbox", "crop", "stretch"]),
    anyres: values.anyres,
    promptStyle: choice("prompt-style", values["prompt-style"], [
      "reference",
      "demo",
    ]),
    size: number("size", values.size, { min: 64, max: 2048, step: 64 }),
    maxTokens:
      number("max-tokens", values["max-tokens"], { min: 1, max: 4096 }) ?? 128,
    device:
      choice("device", values.device, ["webgpu", "wasm", "auto"]) ?? "auto",
    dtype: dtype(values.dtype),
    backend: choice("backend", values.backend, ["auto", "ort"]) ?? "auto",
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
    models: values.models,
    remove: values.remove,
  };
}

/** @typedef {NonNullable<ReturnType<typeof readOptions>>} Options */

/** Printed by `npm run describe -- --help`. */
export const usage = `Usage: npm run describe -- IMAGE [IMAGE …] [options]
       npm run describe -- --models [--model MODEL] [--json]
       npm run describe -- --remove KEY

Describes images, or answers a question about them.

  --prompt TEXT      question (default "Describe the image.")
  --turn TEXT        follow-up question; may be repeated
  --together         ask about all images in one conversation instead of one
                     conversation per image
  --model MODEL      model name (nano, fastvlm-0.5b, …), hub id (owner/name or
                     owner/name@revision), URL of a mirror, or local folder
                     (default nano)
  --hub URL          hub to use instead of https://huggingface.co
  --consent          accept the model's licence, which you have read; the
                     consent is stored
  --fit FIT          how to make an image square: letterbox (black bars), crop
                     (centre) or stretch (default letterbox)
  --size N           encoder input size in pixels, a multiple of 64 (default:
                     the model's)
  --anyres           encode the image and its four quarters, for documents
  --prompt-style S   chat prompt preset: reference or demo (default reference)
  --max-tokens N     maximum length of an answer in tokens (default 128)
  --device DEVICE    webgpu, wasm or auto (default auto)
  --dtype DTYPE      auto, fp32, fp16, q4, q4f16, or by graph:
                     vision_encoder=fp16,decoder_model_merged=q4 (graphs that
                     are not listed use auto; default auto)
  --backend BACKEND  auto, or ort: the published graphs on ONNX Runtime, the
                     reference implementation (default auto)
  --temperature T    sampling temperature; 0 is greedy (default 0)
  --top-k N          sample from the N most likely tokens (default 0: all)
  --top-p P          sample from the most likely tokens that add up to
                     probability P (default 1)
  --repetition-penalty R   penalise repetition if above 1 (default 1)
  --seed N           random seed for sampling (default 0)
  --models           list models: files, sizes, requirements, stored files
  --remove KEY       delete a stored model; --models prints its key
  --json             print one JSON object per line
  --help             print this text

Downloaded models are stored for later runs. The exit code is 0, or 1 if anything
failed. Each error is one line on stderr: "describe: CODE: message".`;
