import { unreadable } from "./file-errors";

/**
 * The bytes of a Blob. Synchronous in workers: in Chromium 156 about one in a
 * hundred asynchronous reads of a file never settles after a worker has died.
 * Replace it by `blob.arrayBuffer()` once that is fixed.
 */
export async function bytesOf(blob: Blob): Promise<Uint8Array<ArrayBuffer>> {
  const buffer =
    "FileReaderSync" in globalThis
      ? new FileReaderSync().readAsArrayBuffer(blob)
      : await blob.arrayBuffer();
  return new Uint8Array(buffer);
}

/** The bytes of a model file. Throws `model-file-missing` if it was changed or
 * deleted after it was opened. */
export async function readFile(
  file: string,
  blob: Blob,
): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return await bytesOf(blob);
  } catch (error) {
    throw unreadable(file, error);
  }
}
