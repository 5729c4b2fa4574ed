import { parseDtype } from "./models/dtype";
import { localFolder, type FolderFiles } from "./models/folder";
import { resolveModel } from "./models/resolve";
import { VlmError } from "./shared/errors";
import type { DeviceChoice } from "./shared/models";
import type {
  DescribeOptions,
  Fit,
  LoadOptions,
  PathChoice,
  PromptStyle,
  Sampling,
} from "./shared/protocol";

/** Which model, and how, as people name it. */
export interface NamedModel {
  readonly model: string;
  /** Endpoint of another hub than the official one; empty: that. */
  readonly hub: string;
  /** Where `models/NAME/` of carried models is; empty: beside the page. */
  readonly modelBase: string;
  /** Instead of `model`. */
  readonly folder: FolderFiles | undefined;
  readonly device: string;
  readonly dtype: string;
  readonly path: string;
}

/** How pictures are looked at and answers are made, as people name it. */
export interface NamedRun {
  readonly style: string;
  readonly fit: string;
  readonly anyres: boolean;
  readonly size: number;
  readonly maxTokens: number;
  /** What is left out is greedy. */
  readonly sampling: Partial<Sampling>;
  readonly draft: boolean;
  readonly gate: number;
}

const greedy: Sampling = {
  temperature: 0,
  topK: 0,
  topP: 1,
  repetitionPenalty: 1,
  seed: 0,
};

const devices: readonly DeviceChoice[] = ["auto", "webgpu", "wasm"];
const paths: readonly PathChoice[] = ["auto", "plain"];
const fits: readonly Fit[] = ["letterbox", "crop", "stretch"];
const styles: readonly PromptStyle[] = ["reference", "demo"];

/** Throws `bad-option`, naming the first that cannot be. */
export function loadOptions(named: NamedModel): LoadOptions {
  const { model, hub, modelBase, folder, device, dtype, path } = named;
  return {
    model: folder ? localFolder(folder) : resolveModel(model, hub, modelBase),
    device: choose("device", device, devices),
    dtype: parseDtype(dtype),
    path: choose("path", path, paths),
  };
}

/** Throws `bad-option`, naming the first that cannot be. */
export function runOptions({
  style,
  fit,
  size,
  maxTokens,
  sampling,
  ...rest
}: NamedRun): Omit<DescribeOptions, "run" | "messages"> {
  if (!(size > 0 && size % 64 === 0)) {
    throw badOption(
      `The encoder cannot take pictures of side ${size}.`,
      "Choose a multiple of 64.",
    );
  }
  if (!(Number.isInteger(maxTokens) && maxTokens > 0)) {
    throw badOption(
      `An answer cannot have ${maxTokens} tokens at most.`,
      "Choose a whole number above 0.",
    );
  }
  return {
    style: choose("prompt style", style, styles),
    fit: choose("fit", fit, fits),
    size,
    maxTokens,
    sampling: { ...greedy, ...sampling },
    ...rest,
  };
}

export function choose<T extends string>(
  what: string,
  name: string,
  names: readonly T[],
): T {
  const found = names.find((each) => each === name);
  if (found !== undefined) return found;
  throw badOption(
    `There is no ${what} “${name}”.`,
    `Choose one of ${names.join(", ")}.`,
  );
}

export function badOption(message: string, advice: string): VlmError {
  return new VlmError("bad-option", message, advice);
}
