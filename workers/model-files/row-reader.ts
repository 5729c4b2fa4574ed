import { at, defined } from "../util/assert";
import { readFile } from "../util/read-blob";

type Row = Uint8Array<ArrayBuffer>;

/** The most recently read rows are cached, up to this many bytes. */
const CACHE_BYTES = 8 * 2 ** 20;

/** Rows at most this far apart are read together, with the bytes in between. */
const MAX_DISTANCE = 32 * 1024;

/** Reads rows of a table from its file. */
export class RowReader {
  readonly rowBytes: number;
  readonly #file: string;
  readonly #blob: Blob;
  readonly #offset: number;
  /** By row index, the most recently used last. */
  readonly #cache = new Map<number, Row>();

  /** `offset`: of the first row in `blob`. `file`: the graph, for errors. */
  constructor(file: string, blob: Blob, offset: number, rowBytes: number) {
    this.#file = file;
    this.#blob = blob;
    this.#offset = offset;
    this.rowBytes = rowBytes;
  }

  /** The rows one after another. */
  async read(rows: readonly number[]): Promise<Row> {
    const unique = [...new Set(rows)];
    const found = new Map<number, Row>();
    for (const row of unique) {
      const bytes = this.#cache.get(row);
      if (bytes !== undefined) found.set(row, bytes);
    }
    const missing = unique.filter((row) => !found.has(row));
    const runs = this.#runsOf(missing.sort((a, b) => a - b));
    await Promise.all(runs.map((run) => this.#readRun(run, found)));
    const all = new Uint8Array(rows.length * this.rowBytes);
    rows.forEach((row, i) => {
      all.set(defined(found.get(row), `row ${row}`), i * this.rowBytes);
    });
    for (const row of unique) this.#keep(row, defined(found.get(row), "row"));
    return all;
  }

  /** Groups ascending rows that are close to each other. */
  #runsOf(rows: readonly number[]): number[][] {
    const runs: number[][] = [];
    for (const row of rows) {
      const run = runs.at(-1);
      const last = run?.at(-1) ?? -Infinity;
      if ((row - last) * this.rowBytes <= MAX_DISTANCE) run?.push(row);
      else runs.push([row]);
    }
    return runs;
  }

  async #readRun(
    run: readonly number[],
    found: Map<number, Row>,
  ): Promise<void> {
    const [first, last] = [at(run, 0), at(run, -1)];
    const start = this.#offset + first * this.rowBytes;
    const end = this.#offset + (last + 1) * this.rowBytes;
    const bytes = await readFile(this.#file, this.#blob.slice(start, end));
    for (const row of run) {
      const from = (row - first) * this.rowBytes;
      // A copy: a view would keep the whole run.
      found.set(row, bytes.slice(from, from + this.rowBytes));
    }
  }

  #keep(row: number, bytes: Row): void {
    this.#cache.delete(row);
    this.#cache.set(row, bytes);
    if (this.#cache.size * this.rowBytes <= CACHE_BYTES) return;
    const [oldest = row] = this.#cache.keys();
    if (oldest !== row) this.#cache.delete(oldest);
  }
}
