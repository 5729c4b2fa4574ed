import type { Directory } from "./disk";
import { decodeLines, encodeLine } from "./journal";
import type { Listing } from "./listing";
import { bytesOf } from "../util/read-blob";
import type { RemoteSource } from "./source";

/** What is kept of a model besides its files. */
export interface ModelRecord {
  readonly source: RemoteSource;
  /**
   * The last listings, oldest first; at most two. The first of two is the one
   * that can be started, the second has files still to come.
   */
  readonly listings: readonly Listing[];
}

interface Numbered {
  readonly number: number;
  readonly record: ModelRecord;
}

/** A record is written to the older of two files, so that one is whole. */
const slotOf = (key: string, number: number) => `${key}.${number % 2}`;

/** Every call is made by one tab at a time: see the lock in `store.ts`. */
export class ModelIndex {
  readonly #directory: Directory;

  constructor(directory: Directory) {
    this.#directory = directory;
  }

  async read(key: string): Promise<ModelRecord | undefined> {
    return (await this.#newest(key))?.record;
  }

  async write(key: string, record: ModelRecord): Promise<void> {
    const number = ((await this.#newest(key))?.number ?? 0) + 1;
    const file = await this.#directory.open(slotOf(key, number));
    try {
      const line = encodeLine({ number, record } satisfies Numbered);
      file.truncate(0);
      file.write(line, 0);
      file.flush();
    } finally {
      file.close();
    }
  }

  async remove(key: string): Promise<void> {
    await this.#directory.remove(slotOf(key, 0));
    await this.#directory.remove(slotOf(key, 1));
  }

  async all(): Promise<Map<string, ModelRecord>> {
    const names = await this.#directory.names();
    const keys = new Set(names.map((name) => name.replace(/\.[01]$/, "")));
    const records = new Map<string, ModelRecord>();
    for (const key of keys) {
      const record = await this.read(key);
      if (record !== undefined) records.set(key, record);
    }
    return records;
  }

  async #newest(key: string): Promise<Numbered | undefined> {
    const slots = await Promise.all([0, 1].map((i) => this.#slot(key, i)));
    return slots
      .filter((slot) => slot !== undefined)
      .reduce<Numbered | undefined>(
        (best, slot) =>
          best === undefined || slot.number > best.number ? slot : best,
        undefined,
      );
  }

  async #slot(key: string, number: number): Promise<Numbered | undefined> {
    const blob = await this.#directory.blob(slotOf(key, number));
    if (blob === undefined) return undefined;
    return decodeLines(await bytesOf(blob)).values[0] as Numbered | undefined;
  }
}

/** Whether `next` tells more of the same files, nothing else of any. */
export function continues(last: Listing, next: Listing): boolean {
  if (last.commit !== next.commit || last.whole !== next.whole) return false;
  return Object.entries(last.files).every(([path, fact]) => {
    if (!Object.hasOwn(next.files, path)) return !next.whole;
    return JSON.stringify(next.files[path]) === JSON.stringify(fact);
  });
}
