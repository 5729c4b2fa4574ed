// @ts-check
/** The command line options of `npm run describe`. */
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { CliError } from "./cli-error.mjs";
import { importSource } from "./import-source.mjs";
import { callerFolder } from "./prepare.mjs";

const { greedySampling, loadRules, requestDefaults, requestRules, ...schema } =
  /** @type {typeof import("../../src/shared/options.ts")} */ (
    await importSource("shared/options.ts")
  );
const { dtypes, samplingRules } = schema;
const { parseDtype } =
  /** @type {typeof import("../../src/models/dtype.ts")} */ (
    await importSource("models/dtype.ts")
  );

/**
 * @typedef {import("../../src/shared/options.ts").OptionRule} OptionRule
 * @typedef {import("../../src/shared/models.ts").DeviceChoice} DeviceChoice
 * @typedef {import("../../src/shared/protocol.ts").BackendChoice} BackendChoice
 * @typedef {import("../../src/shared/protocol.ts").Fit} Fit
 * @typedef {import("../../src/shared/protocol.ts").PromptStyle} PromptStyle
 */

/** @param {string} message */
const badOption = (message) =>
  new CliError("bad-option", `${message} Run npm run describe -- --help.`);

/** @param {string} flag @param {string} text @param {OptionRule} rule */
const invalid = (flag, text, { expected }) =>
  badOption(`--${flag} must be ${expected}, not "${text}".`);

/** @param {string} flag @param {string | undefined} text @param {OptionRule} rule */
function choice(flag, text, rule) {
  if (text === undefined || rule.accepts(text)) return text;
  throw invalid(flag, text, rule);
}

/** @param {string} flag @param {string | undefined} text @param {OptionRule} rule */
function number(flag, text, rule) {
  if (text === undefined) return undefined;
  const value = text.trim() === "" ? NaN : Number(text);
  if (rule.accepts(value)) return value;
  throw invalid(flag, text, rule);
}

/** @param {string} [text] */
function dtype(text = "auto") {
  try {
    parseDtype(text);
    return text;
  } catch (error) {
    throw badOption(error instanceof Error ? error.message : String(error));
  }
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
        background: text,
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
  /**
   * @param {"temperature" | "top-k" | "top-p" | "repetition-penalty" | "seed"} flag
   * @param {keyof typeof samplingRules} name
   */
  const sampled = (flag, name) =>
    number(flag, values[flag], samplingRules[name]) ?? greedySampling[name];
  return {
    files: positionals.map((name) => ({
      name,
      path: resolve(callerFolder, name),
    })),
    prompt: values.prompt ?? requestDefaults.prompt,
    turns: values.turn,
    together: values.together,
    model: values.model,
    hub: values.hub,
    consent: values.consent,
    fit: /** @type {Fit | undefined} */ (
      choice("fit", values.fit, requestRules.fit)
    ),
    background:
      choice("background", values.background, requestRules.background) ??
      requestDefaults.background,
    anyres: values.anyres,
    promptStyle: /** @type {PromptStyle | undefined} */ (
      choice("prompt-style", values["prompt-style"], requestRules.promptStyle)
    ),
    size: number("size", values.size, requestRules.size),
    maxTokens:
      number("max-tokens", values["max-tokens"], requestRules.maxTokens) ??
      requestDefaults.maxTokens,
    device: /** @type {DeviceChoice} */ (
      choice("device", values.device, loadRules.device) ?? "auto"
    ),
    dtype: dtype(values.dtype),
    backend: /** @type {BackendChoice} */ (
      choice("backend", values.backend, loadRules.backend) ?? "auto"
    ),
    sampling: {
      temperature: sampled("temperature", "temperature"),
      topK: sampled("top-k", "topK"),
      topP: sampled("top-p", "topP"),
      repetitionPenalty: sampled("repetition-penalty", "repetitionPenalty"),
      seed: sampled("seed", "seed"),
    },
    json: values.json,
    models: values.models,
    remove: values.remove,
  };
}

/** @typedef {NonNullable<ReturnType<typeof readOptions>>} Options */

/** @param {OptionRule} rule @param {unknown} byDefault */
const values = ({ expected }, byDefault) =>
  `${expected}; default: ${String(byDefault)}`;

/** Printed by `npm run describe -- --help`. */
export const usage = `Usage: npm run describe -- IMAGE [IMAGE …] [options]
       npm run describe -- --models [--model MODEL] [--json]
       npm run describe -- --remove KEY

Describes images, or answers a question about them.

  --prompt TEXT      question; default: ${requestDefaults.prompt}
  --turn TEXT        follow-up question; may be repeated
  --together         ask about all images in one conversation instead of one
                     conversation per image
  --model MODEL      model name (nano, fastvlm-0.5b, …), hub id (owner/name or
                     owner/name@revision), URL of a mirror, or local folder;
                     default: nano
  --hub URL          hub to use instead of https://huggingface.co
  --consent          accept the model's licence, which you have read; the
                     consent is stored
  --fit FIT          how to make an image square:
                     ${values(requestRules.fit, requestDefaults.fit)}
  --background C     colour behind transparent pixels:
                     ${values(requestRules.background, requestDefaults.background)}
  --size N           encoder input size in pixels:
                     ${values(requestRules.size, "the model's")}
  --anyres           encode the image and its four quarters, for documents
  --prompt-style S   chat prompt preset:
                     ${values(requestRules.promptStyle, requestDefaults.promptStyle)}
  --max-tokens N     maximum length of an answer in tokens:
                     ${values(requestRules.maxTokens, requestDefaults.maxTokens)}
  --device DEVICE    ${values(loadRules.device, "auto")}
  --dtype DTYPE      auto, ${dtypes.join(", ")}, or by graph:
                     vision_encoder=fp16,decoder_model_merged=q4 (graphs that
                     are not listed use auto); default: auto
  --backend BACKEND  ort: the published graphs on ONNX Runtime, the reference
                     implementation; ${values(loadRules.backend, "auto")}
  --temperature T    sampling temperature; 0 is greedy:
                     ${values(samplingRules.temperature, greedySampling.temperature)}
  --top-k N          sample from the N most likely tokens; 0: all:
                     ${values(samplingRules.topK, greedySampling.topK)}
  --top-p P          sample from the most likely tokens up to probability P:
                     ${values(samplingRules.topP, greedySampling.topP)}
  --repetition-penalty R   penalise repetition if above 1:
                     ${values(samplingRules.repetitionPenalty, greedySampling.repetitionPenalty)}
  --seed N           random seed for sampling:
                     ${values(samplingRules.seed, greedySampling.seed)}
  --models           list models: files, sizes, requirements, stored files
  --remove KEY       delete a stored model; --models prints its key
  --json             print one JSON object per line
  --help             print this text

Downloaded models are stored for later runs. The exit code is 0, or 1 if anything
failed. Each error is one line on stderr: "describe: CODE: message".`;
