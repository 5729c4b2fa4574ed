import { parseDtype } from "../models/dtype";
import { localFolder, type FolderFiles } from "../models/folder";
import { resolveModel } from "../models/resolve";
import { VlmError } from "../shared/errors";
import type { DeviceChoice } from "../shared/models";
import type { LoadOptions } from "../shared/protocol";

/** Which model, and how, as people name it. */
export interface ModelSelection {
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

const devices: readonly DeviceChoice[] = ["auto", "webgpu", "wasm"];
const paths = ["auto", "plain"] as const;

/** Throws `bad-option`, naming the first that cannot be. */
export function loadOptions(named: ModelSelection): LoadOptions {
  const { model, hub, modelBase, folder, device, dtype, path } = named;
  return {
    model: folder ? localFolder(folder) : resolveModel(model, hub, modelBase),
    device: choose("device", device, devices),
    dtype: parseDtype(dtype),
    backend: choose("path", path, paths) === "plain" ? "ort" : "auto",
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
