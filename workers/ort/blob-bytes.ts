import { bytesOf } from "../util/read-blob";

/**
 * External data for ONNX Runtime, which reads one weight at a time. The JSPI
 * build also accepts a Blob and streams it, but about one stream in a hundred
 * never ends after a worker has died (Chromium 156), and the asyncify build
 * cannot wait for streams. Pages, which only tests run in, have no
 * FileReaderSync: there the file is read whole, or passed as a Blob if it is
 * longer than any array.
 */
export async function externalData(blob: Blob): Promise<Blob | Uint8Array> {
  if ("FileReaderSync" in globalThis) return new BlobBytes(blob);
  return blob.size < MAX_ARRAY_BYTES ? bytesOf(blob) : blob;
}

const MAX_ARRAY_BYTES = 2 ** 31;

/**
 * A Blob in the shape of a Uint8Array. ORT 1.30 (`LoadWebAssemblyExternalData`)
 * only uses `byteLength` and `subarray`. Delete this when file streams are
 * reliable and the asyncify build accepts Blobs.
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
