import { VlmError } from "../shared/errors";

/** A part of the library that comes when it is needed. */
export async function lazyImport<T>(
  load: () => Promise<T>,
  what: string,
): Promise<T> {
  try {
    return await load();
  } catch (cause) {
    throw new VlmError(
      "download-failed",
      `${what} could not be loaded.`,
      "Check the connection, then reload the page.",
      { cause },
    );
  }
}
