import { VlmError } from "../shared/errors";

export function notLoaded(): VlmError {
  return new VlmError("not-loaded", "No model is loaded.", "Load one first.");
}

export function deviceLost(message: string): VlmError {
  return new VlmError(
    "device-lost",
    `The GPU was lost: ${message}`,
    "The model is loaded again with the next picture.",
  );
}
