import { parseDtype } from "../../models/dtype";
import { checkLicense, licenseOf } from "../../models/license";
import { resolveModel } from "../../models/resolve";
import { VlmError } from "../../shared/errors";
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
  if (device !== "webgpu" && device !== "wasm") {
    throw bad(`Unknown device “${device}”.`, "Choose webgpu or wasm.");
  }
  const size = whole("size", get("size", "0"), 0);
  if (size % 64 !== 0) {
    throw bad(`Invalid size ${size}.`, "Choose a multiple of 64.");
  }
  return {
    ...{ model, source, device, size },
    dtype: parseDtype(get("dtype", "auto")),
    frames: whole("frames", get("frames", "8"), 1),
    maxTokens: whole("max-tokens", get("max-tokens", "32"), 1),
    prompt: get("prompt", "Describe the image."),
    lineup: readLineup(get("lineup", "transformers.js,fast-vlm")),
  };
}

function whole(name: string, text: string, least: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= least) return value;
  throw bad(
    `Invalid ${name} “${text}”.`,
    `Use a whole number of at least ${least}.`,
  );
}

function readLineup(text: string): EngineName[] {
  const names = text.split(",").map((name) => name.trim());
  const known = lineup.filter((name) => names.includes(name));
  const unknown = names.find((name) => !known.some((each) => each === name));
  if (unknown !== undefined) {
    throw bad(
      `Unknown engine “${unknown}” in the line-up.`,
      `Choose from ${lineup.join(", ")}.`,
    );
  }
  if (known.every((name) => name === "transformers.js")) {
    throw bad("The line-up lacks fast-vlm.", "Add fast-vlm to the line-up.");
  }
  return known;
}

function bad(message: string, advice: string): VlmError {
  return new VlmError("bad-option", message, advice);
}
