import { bytesOf } from "../util/read-blob";

const SMALL = 4096;
const LARGE = 256 * 1024;

/**
 * Reads a Blob by slices. What is read in a row comes in growing slices, what
 * is jumped to in a small one: structure is dense, and weights lie between.
 */
export class BlobReader {
  readonly size: number;
  readonly #blob: Blob;
  #from = 0;
  #held = new Uint8Array(0);
  #step = SMALL;

  constructor(blob: Blob) {
    this.#blob = blob;
    this.size = blob.size;
  }

  /** `length` bytes from `at`; fewer at the end of the file. */
  async read(at: number, length: number): Promise<Uint8Array> {
    const end = Math.min(at + length, this.size);
    const heldUntil = this.#from + this.#held.length;
    if (at < this.#from || end > heldUntil) {
      const follows = at >= this.#from && at <= heldUntil;
      this.#step = follows ? Math.min(this.#step * 2, LARGE) : SMALL;
      const until = Math.max(end, at + this.#step);
      const slice = this.#blob.slice(at, until);
      this.#held = await bytesOf(slice);
      this.#from = at;
    }
    return this.#held.subarray(at - this.#from, end - this.#from);
  }
}
