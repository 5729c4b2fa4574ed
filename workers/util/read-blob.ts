/**
 * The bytes of a Blob. At once where that can be: in Chromium 156 one of some
 * hundred asynchronous reads of a file never ends when a worker has died before.
 * To be replaced by `blob.arrayBuffer()` when those are sound.
 */
export async function bytesOf(blob: Blob): Promise<Uint8Array<ArrayBuffer>> {
  const buffer =
    "FileReaderSync" in globalThis
      ? new FileReaderSync().readAsArrayBuffer(blob)
      : await blob.arrayBuffer();
  return new Uint8Array(buffer);
}
