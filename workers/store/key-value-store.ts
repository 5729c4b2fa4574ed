import { sha256 } from "hash-wasm";
import type { Table } from "./database";

interface CacheEntry<T> {
  /** Higher for entries that were set later. */
  readonly order: number;
  readonly value: T;
}

/**
 * A bounded cache of what was measured on this machine. It is best effort: where
 * the browser stores nothing, every lookup misses.
 */
export class KeyValueStore<T> {
  readonly #table: Table<CacheEntry<T>>;
  readonly #limit: number;

  /** With more than `limit` entries the oldest are deleted. */
  constructor(table: Table<CacheEntry<T>>, limit: number) {
    this.#table = table;
    this.#limit = limit;
  }

  async get(key: string): Promise<T | undefined> {
    try {
      return (await this.#table.get(key))?.value;
    } catch {
      return undefined;
    }
  }

  async set(key: string, value: T): Promise<void> {
    try {
      const others = await this.#table.entries();
      others.delete(key);
      const oldestFirst = [...others].sort((a, b) => a[1].order - b[1].order);
      const order = 1 + (oldestFirst.at(-1)?.[1].order ?? 0);
      await this.#table.put(key, { order, value });
      const surplus = oldestFirst.length + 1 - this.#limit;
      for (const [old] of oldestFirst.slice(0, Math.max(0, surplus))) {
        await this.#table.delete(old);
      }
    } catch {
      // The next load measures again.
    }
  }

  async delete(key: string): Promise<void> {
    try {
      await this.#table.delete(key);
    } catch {
      // Nothing was stored.
    }
  }
}

/** SHA-256 of the facts as JSON. */
export function hashOf(...facts: readonly unknown[]): Promise<string> {
  return sha256(JSON.stringify(facts));
}
