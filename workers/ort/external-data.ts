import { canSuspend } from "./can-suspend";

/**
 * `blob` as the runtime takes external data: read weight by weight, never
 * whole. The JSPI build waits for a Blob; the other one cannot wait, and wants
 * something that looks like all the bytes.
 */
export function externalData(blob: Blob): Blob | Uint8Array {
  return canSuspend() ? blob : new BlobBytes(blob);
}

/**
 * A Blob that passes for a Uint8Array as far as the runtime looks, which is at
 * `byteLength` and `subarray` (ORT 1.30, `LoadWebAssemblyExternalData`). Only
 * in workers, which may read files while they wait. To be deleted when the
 * asyncify build takes Blobs.
 */
class BlobBytes extends Uint8Array<ArrayBuffer> {
  readonly #blob: Blob;
  readonly #reader = new FileReaderSync();

  constructor(blob: Blob) {
    super(new ArrayBuffer(0));
    this.#blob = blob;
    Object.defineProperty(this, "byteLength", { value: blob.size });
  }

  override subarray(begin = 0, end = this.#blob.size): Uint8Array<ArrayBuffer> {
    const slice = this.#blob.slice(begin, end);
    return new Uint8Array(this.#reader.readAsArrayBuffer(slice));
  }
}
