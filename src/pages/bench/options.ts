import { parseDtype } from "../../models/dtype";
import { checkLicense, licenseOf } from "../../models/license";
import { resolveModel } from "../../models/resolve";
import { VlmError } from "../../shared/errors";
import type { Device, DtypeChoice, ModelSource } from "../../shared/models";
import { lineup, type ContenderName } from "./record";

/** What the address asks for, each with a default. */
export interface BenchOptions {
  /** As it was named. */
  readonly model: string;
  readonly source: ModelSource;
  readonly device: Device;
  readonly dtype: DtypeChoice;
  /** Side of the frames and of the encoder's input; 0: the model's own. */
  readonly size: number;
  readonly frames: number;
  readonly maxTokens: number;
  readonly question: string;
  readonly lineup: readonly ContenderName[];
}

/** `?model=&hub=&device=&dtype=&size=&frames=&tokens=&question=&lineup=` */
export function readOptions(search: string): BenchOptions {
  const params = new URLSearchParams(search);
  const get = (name: string, otherwise: string): string =>
    params.get(name)?.trim() || otherwise;
  const model = get("model", "nano");
  const source = resolveModel(model, params.get("hub") ?? "");
  checkLicense(licenseOf(source));
  const device = get("device", "webgpu");
  if (device !== "webgpu" && device !== "wasm") {
    throw bad(`There is no device “${device}”.`, "Choose webgpu or wasm.");
  }
  const size = whole("size", get("size", "0"), 0);
  if (size % 64 !== 0) {
    throw bad(
      `Frames cannot have the side ${size}.`,
      "Choose a multiple of 64.",
    );
  }
  return {
    ...{ model, source, device, size },
    dtype: parseDtype(get("dtype", "auto")),
    frames: whole("frames", get("frames", "8"), 1),
    maxTokens: whole("tokens", get("tokens", "32"), 1),
    question: get("question", "Describe the image."),
    lineup: readLineup(get("lineup", "transformers.js,fast-vlm")),
  };
}

function whole(name: string, text: string, least: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= least) return value;
  throw bad(
    `“${text}” is no number of ${name}.`,
    `Give a whole number of at least ${least}.`,
  );
}

function readLineup(text: string): ContenderName[] {
  const names = text.split(",").map((name) => name.trim());
  const known = lineup.filter((name) => names.includes(name));
  const strange = names.find((name) => !known.some((each) => each === name));
  if (strange !== undefined) {
    throw bad(
      `Nobody in the bench is named “${strange}”.`,
      `Choose of ${lineup.join(", ")}.`,
    );
  }
  if (known.every((name) => name === "transformers.js")) {
    throw bad("fast-vlm has to take part.", "Add fast-vlm to the line-up.");
  }
  return known;
}

function bad(message: string, advice: string): VlmError {
  return new VlmError("bad-option", message, advice);
}
