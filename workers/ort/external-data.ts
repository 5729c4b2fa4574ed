import { bytesOf } from "../util/read-blob";

/**
 * `blob` as the runtime takes external data: read weight by weight, never
 * whole. The JSPI build would take the Blob itself and read streams of it, but
 * one of some hundred never ends when a worker has died before (Chromium 156);
 * the asyncify build cannot wait for one at all. Only tests run in a page,
 * which cannot read files while it waits: there it is read whole, or left to
 * the runtime where no array is that long.
 */
export async function externalData(blob: Blob): Promise<Blob | Uint8Array> {
  if ("FileReaderSync" in globalThis) return new BlobBytes(blob);
  return blob.size < LONGEST ? bytesOf(blob) : blob;
}

const LONGEST = 2 ** 31;

/**
 * A Blob that passes for a Uint8Array as far as the runtime looks, which is at
 * `byteLength` and `subarray` (ORT 1.30, `LoadWebAssemblyExternalData`). Only
 * in workers, which may read files while they wait. To be deleted when streams
 * of files are sound and the asyncify build takes Blobs.
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
