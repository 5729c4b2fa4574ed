import { parseDtype } from "../../models/dtype";
import { checkLicense, licenseOf } from "../../models/license";
import { resolveModel } from "../../models/resolve";
import { badOption } from "../../shared/errors";
import {
  checkOption,
  oneOf,
  requestDefaults,
  requestRules,
  sizeRule,
  wholeNumber,
  type OptionRule,
} from "../../shared/options";
import type { Device, DtypeChoice, ModelSource } from "../../shared/models";
import { lineup, type EngineName } from "./record";

/** Options in the URL. */
export interface BenchOptions {
  /** The model's name in the URL. */
  readonly model: string;
  readonly source: ModelSource;
  readonly device: Device;
  readonly dtype: DtypeChoice;
  /** Size of the frames and the encoder input in pixels; 0: the model's. */
  readonly size: number;
  readonly frames: number;
  readonly maxTokens: number;
  readonly prompt: string;
  readonly lineup: readonly EngineName[];
}

/** `?model=&hub=&device=&dtype=&size=&frames=&max-tokens=&prompt=&lineup=` */
export function readBenchOptions(search: string): BenchOptions {
  const params = new URLSearchParams(search);
  const get = (name: string, otherwise: string): string =>
    params.get(name)?.trim() || otherwise;
  const model = get("model", "nano");
  const source = resolveModel(model, params.get("hub") ?? "");
  checkLicense(licenseOf(source));
  const device = get("device", "webgpu");
  checkOption("device", device, oneOf("webgpu", "wasm"));
  const chosen = get("size", "0");
  const size = chosen === "0" ? 0 : number("size", chosen, sizeRule);
  return {
    ...{ model, source, size },
    device: device as Device,
    dtype: parseDtype(get("dtype", "auto")),
    frames: number("frames", get("frames", "8"), wholeNumber(1)),
    maxTokens: number(
      "max-tokens",
      get("max-tokens", "32"),
      requestRules.maxTokens,
    ),
    prompt: get("prompt", requestDefaults.prompt),
    lineup: readLineup(get("lineup", "transformers.js,fast-vlm")),
  };
}

function number(name: string, text: string, rule: OptionRule): number {
  const value = Number(text);
  // The error shows what was typed, not NaN.
  checkOption(name, Number.isNaN(value) ? text : value, rule);
  return value;
}

function readLineup(text: string): EngineName[] {
  const names = text.split(",").map((name) => name.trim());
  const known = lineup.filter((name) => names.includes(name));
  const unknown = names.find((name) => !known.some((each) => each === name));
  if (unknown !== undefined) {
    throw badOption(
      `Unknown engine “${unknown}” in the line-up.`,
      `Choose from ${lineup.join(", ")}.`,
    );
  }
  if (known.every((name) => name === "transformers.js")) {
    throw badOption(
      "The line-up lacks fast-vlm.",
      "Add fast-vlm to the line-up.",
    );
  }
  return known;
}
