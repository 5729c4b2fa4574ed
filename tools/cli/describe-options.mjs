// @ts-check
/** The command line of `npm run describe`. */
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { callerFolder } from "./prepare.mjs";

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

/**
 * `auto`, one dtype, or some by graph; the page knows the graphs.
 * @param {string} [text]
 */
function dtype(text = "auto") {
  const all = /^(auto|fp32|fp16|q4|q4f16)$/;
  const each = /^\s*\w+\s*=\s*(fp32|fp16|q4|q4f16)\s*$/;
  if (all.test(text) || text.split(",").every((part) => each.test(part))) {
    return text;
  }
  throw badOption(
    `--dtype takes auto, fp32, fp16, q4, q4f16, or GRAPH=DTYPE,…; not "${text}".`,
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
        style: text,
        "max-tokens": text,
        device: text,
        dtype: text,
        path: text,
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
  if (asks && positionals.length === 0)
    throw badOption("No picture was named.");
  if (!asks && positionals.length > 0) {
    throw badOption("--models and --remove take no pictures.");
  }
  if (values.hub !== undefined && !/^https?:\/\/[^/]/.test(values.hub)) {
    throw badOption(`--hub takes a URL, not "${values.hub}".`);
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
    style: choice("style", values.style, ["reference", "demo"]),
    size: number("size", values.size, { min: 64, max: 2048, step: 64 }),
    maxTokens:
      number("max-tokens", values["max-tokens"], { min: 1, max: 4096 }) ?? 128,
    device:
      choice("device", values.device, ["webgpu", "wasm", "auto"]) ?? "auto",
    dtype: dtype(values.dtype),
    path: choice("path", values.path, ["auto", "plain"]) ?? "auto",
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
