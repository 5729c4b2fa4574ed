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
