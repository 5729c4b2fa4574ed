import { VlmError } from "../../src/shared/errors";
import { UnsupportedGraph } from "./backend";

/** Calls `plan` for an input size. Some exports are written for one size only: then
 * throws an error for the user. */
export function planForSize<T>(size: number, plan: (size: number) => T): T {
  try {
    return plan(size);
  } catch (error) {
    if (!(error instanceof UnsupportedGraph)) throw error;
    throw new VlmError(
      "unsupported",
      `The vision encoder does not support an input of ${size} pixels: ${error.message}.`,
      "Use the size in the model's preprocessor_config.json, or set backend to ort.",
    );
  }
}
