import { VlmError, sentence } from "../../src/shared/errors";

export function missing(file: string, place: string): VlmError {
  return new VlmError(
    "model-file-missing",
    `${place} has no ${file}.`,
    "Check the model's name, revision, URL or folder; if they are correct, export the model again.",
  );
}

export function corrupt(file: string, why: string, cause?: unknown): VlmError {
  return new VlmError(
    "model-corrupt",
    sentence(`${file} is damaged: ${why}`),
    "Load the model again. If it happens again, the file at its source is damaged: copy or export it again.",
    { cause },
  );
}

/** A file that cannot be read any more after it was opened. */
export function unreadable(file: string, cause: unknown): VlmError {
  return new VlmError(
    "model-file-missing",
    `${file} can no longer be read: it was changed, moved or deleted.`,
    "Load the model again, or choose its folder again.",
    { cause },
  );
}

export function parseJson(file: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw corrupt(file, `it is not JSON: ${why}`, error);
  }
}
