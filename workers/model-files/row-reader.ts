import { unreadable } from "../util/file-errors";
import { bytesOf } from "../util/read-blob";

/** Rows that are read lately are kept, up to this many bytes. */
const CACHE_BYTES = 8 * 2 ** 20;

/** Two wanted rows this near are read in one go, with what lies between. */
const NEAR_BYTES = 32 * 1024;

/** Reads rows of a table from its file, a few at a time. */
export class RowReader {
  readonly rowBytes: number;
  readonly #file: string;
  readonly #blob: Blob;
  readonly #offset: number;
  /** By row; the one that was asked for last is the last. */
  readonly #cache = new Map<number, Uint8Array<ArrayBuffer>>();

  /** `offset`: of the first row in `blob`, which is what `file` needs. */
  constructor(file: string, blob: Blob, offset: number, rowBytes: number) {
    this.#file = file;
    this.#blob = blob;
    this.#offset = offset;
    this.rowBytes = rowBytes;
  }

  /** The rows one after another. */
  async read(rows: readonly number[]): Promise<Uint8Array<ArrayBuffer>> {
    const all = new Uint8Array(rows.length * this.rowBytes);
    const found = await this.#find(new Set(rows));
    rows.forEach((row, i) => {
      const bytes = found.get(row);
      if (bytes !== undefined) all.set(bytes, i * this.rowBytes);
    });
    return all;
  }

  async #find(
    rows: ReadonlySet<number>,
  ): Promise<Map<number, Uint8Array<ArrayBuffer>>> {
    const found = new Map<number, Uint8Array<ArrayBuffer>>();
    const wanted: number[] = [];
    for (const row of rows) {
      const bytes = this.#cache.get(row);
      if (bytes === undefined) wanted.push(row);
      else found.set(row, bytes);
    }
    const runs = this.#runsOf(wanted.sort((a, b) => a - b));
    await Promise.all(runs.map((run) => this.#readRun(run, found)));
    for (const row of rows) this.#keep(row, found.get(row));
    return found;
  }

  /** Ascending rows, those near one another together. */
  #runsOf(rows: readonly number[]): number[][] {
    const runs: number[][] = [];
    for (const row of rows) {
      const run = runs.at(-1);
      const last = run?.at(-1) ?? -Infinity;
      if ((row - last) * this.rowBytes <= NEAR_BYTES) run?.push(row);
      else runs.push([row]);
    }
    return runs;
  }

  async #readRun(
    run: readonly number[],
    found: Map<number, Uint8Array<ArrayBuffer>>,
  ): Promise<void> {
    const [first = 0] = run;
    const last = run.at(-1) ?? first;
    const at = this.#offset + first * this.rowBytes;
    const end = this.#offset + (last + 1) * this.rowBytes;
    const slice = this.#blob.slice(at, end);
    const bytes = await bytesOf(slice).catch((error: unknown) => {
      throw unreadable(this.#file, error);
    });
    for (const row of run) {
      const start = (row - first) * this.rowBytes;
      // A copy: a view would keep the whole run.
      found.set(row, bytes.slice(start, start + this.rowBytes));
    }
  }

  #keep(row: number, bytes: Uint8Array<ArrayBuffer> | undefined): void {
    if (bytes === undefined) return;
    this.#cache.delete(row);
    this.#cache.set(row, bytes);
    const [oldest] = this.#cache.keys();
    if (this.#cache.size * this.rowBytes > CACHE_BYTES && oldest !== row) {
      this.#cache.delete(oldest ?? row);
    }
  }
}
