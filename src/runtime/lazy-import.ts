import { VlmError } from "../shared/errors";

/** Imports a part of the library when it is first needed. */
export async function lazyImport<T>(
  load: () => Promise<T>,
  name: string,
): Promise<T> {
  try {
    return await load();
  } catch (cause) {
    throw new VlmError(
      "download-failed",
      `${name} could not be loaded.`,
      "Check the connection, then reload the page.",
      { cause },
    );
  }
}
