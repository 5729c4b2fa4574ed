import { VlmError } from "../../src/shared/errors";

export function corrupt(file: string, why: string): VlmError {
  return new VlmError(
    "model-corrupt",
    `${file} is damaged: ${sentence(why)}`,
    "Download or export the model again; the file may be cut.",
  );
}

/** What others say ends with a full stop, so that advice can follow. */
export function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

export function parseJson(file: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw corrupt(file, error instanceof Error ? error.message : "not JSON");
  }
}
