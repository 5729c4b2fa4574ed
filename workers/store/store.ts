import { sha256 } from "hash-wasm";
import type { ModelFile, StoredModel } from "../../src/shared/models";
import type { VlmError } from "../../src/shared/errors";
import type { Channel } from "./channel";
import type { Disk } from "./disk";
import { isNamed, storageFull, undeletable } from "./errors";
import { factOf, type Fact, type Listing } from "./listing";
import type { Locks } from "./locks";
import { keptKeys, readKept, removeKept, type Kept } from "./partial-file";
import { continues, ModelIndex, type ModelRecord } from "./model-index";
import type { Net } from "./request";
import { urlOf, type RemoteSource } from "./source";

/** For a tab that downloads to end that, in ms. */
const PATIENCE = 10_000;
/** More bytes than a record has. */
const RECORD = 1_000_000;

const recordsLock = "fast-vlm records";
export const modelLock = (key: string): string => `fast-vlm model ${key}`;
const fileLock = (key: string) => `fast-vlm file ${key}`;
const useLock = (key: string) => `fast-vlm use ${key}`;

/**
 * Models on this disk. Files go by their hash, so that models and commits share
 * equal ones; a file that no record names is deleted when nobody uses it.
 */
export class Store {
  readonly net: Net;
  readonly disk: Disk;
  readonly locks: Locks;
  readonly channel: Channel;
  readonly #records: ModelIndex;

  constructor(net: Net, disk: Disk, locks: Locks, channel: Channel) {
    this.net = net;
    this.disk = disk;
    this.locks = locks;
    this.channel = channel;
    this.#records = new ModelIndex(disk.models);
  }

  record(model: string): Promise<ModelRecord | undefined> {
    return this.#alone(() => this.#records.read(model));
  }

  /** Puts the newest listing of a model on record. */
  async save(
    model: string,
    source: RemoteSource,
    next: Listing,
  ): Promise<void> {
    try {
      await this.#alone(async () => {
        const old = (await this.#records.read(model))?.listings ?? [];
        const listings = withNext(old, next);
        if (JSON.stringify(listings) === JSON.stringify(old)) return;
        await this.#records.write(model, { source, listings });
      });
    } catch (error) {
      if (!isNamed(error, "QuotaExceededError")) throw error;
      throw await this.full(model, next.name, RECORD);
    }
  }

  /** Forgets a model's older listing once all that was kept by it is kept by
   * the newer one, or is gone from it. */
  async settle(model: string): Promise<void> {
    const settled = await this.#alone(async () => {
      const record = await this.#records.read(model);
      const [older, newer] = record?.listings ?? [];
      if (record === undefined || older === undefined) return false;
      if (newer === undefined) return false;
      const { source } = record;
      for (const path of Object.keys(older.files)) {
        const fact = factOf(newer, path);
        if (fact === undefined) continue;
        if (await this.#whole(source, path, fact, newer.commit)) continue;
        const before = factOf(older, path);
        if (before === undefined) continue;
        if (await this.#whole(source, path, before, older.commit)) return false;
      }
      await this.#records.write(model, { source, listings: [newer] });
      return true;
    });
    if (settled) await this.sweep();
  }

  kept(key: string): Promise<Kept> {
    return readKept(this.disk.files, key);
  }

  /** Alone with a file that is not whole yet. */
  withFile<T>(key: string, signal: AbortSignal, work: () => Promise<T>) {
    return this.locks.alone(fileLock(key), work, signal);
  }

  /** Keeps a whole file from being deleted, until what it resolves with is
   * called. */
  use(key: string): Promise<() => void> {
    return this.locks.share(useLock(key));
  }

  /** Deletes what no record names and nobody uses. */
  sweep(): Promise<void> {
    return this.#alone(async () => {
      const keys = await keptKeys(this.disk.files);
      for (const [, { source, listings }] of await this.#records.all()) {
        for (const [path, fact, commit] of factsOf(listings)) {
          keys.delete(await fileKey(source, path, fact, commit));
        }
      }
      for (const key of keys) {
        await this.locks.ifFree(fileLock(key), async () => {
          await this.locks.ifFree(useLock(key), () => this.#drop(key));
        });
      }
    });
  }

  /** Every model of which something is kept. */
  async list(): Promise<StoredModel[]> {
    const records = await this.#alone(() => this.#records.all());
    const models: StoredModel[] = [];
    for (const [key, { source, listings }] of records) {
      const files = new Map<string, ModelFile>();
      for (const [path, fact, commit] of factsOf(listings)) {
        const name = await fileKey(source, path, fact, commit);
        const { bytes: kept } = await this.kept(name);
        const { bytes = kept, sha256 } = fact;
        const hash = sha256 === undefined ? {} : { sha256 };
        // Equal files are one, by the first of their names.
        if (kept === 0 || files.has(name)) continue;
        files.set(name, { path, bytes, kept, ...hash });
      }
      const kept = [...files.values()];
      const bytes = kept.reduce((sum, file) => sum + file.kept, 0);
      const { name = key, commit } = listings[0] ?? {};
      if (bytes === 0) continue;
      const at = commit === undefined ? {} : { commit };
      models.push({ key, name, source, bytes, files: kept, ...at });
    }
    return models;
  }

  /** A download of it ends; files that others use or share stay for them. */
  async remove(model: string): Promise<void> {
    // Any word may come; not every one can name a file.
    const records = await this.#alone(() => this.#records.all());
    const record = records.get(model);
    if (record === undefined) return;
    this.channel.post({ type: "removed", model });
    const signal = AbortSignal.timeout(PATIENCE);
    try {
      await this.locks.alone(
        modelLock(model),
        () => this.#alone(() => this.#records.remove(model)),
        signal,
      );
    } catch (error) {
      if (!signal.aborted) throw error;
      throw undeletable(record.listings[0]?.name ?? model, error);
    }
    await this.sweep();
  }

  /** @throws if so many bytes more do not fit. */
  async reserve(model: string, name: string, bytes: number): Promise<void> {
    const fits = async () => bytes <= ((await this.disk.free()) ?? Infinity);
    if (await fits()) return;
    await this.sweep();
    if (await fits()) return;
    throw await this.full(model, name, bytes);
  }

  /** The error for so many bytes more that do not fit. */
  async full(model: string, name: string, bytes: number): Promise<VlmError> {
    const free = await this.disk.free();
    const others = (await this.list()).filter(({ key }) => key !== model);
    return storageFull(name, bytes, free, others);
  }

  async #whole(...file: Parameters<typeof fileKey>): Promise<boolean> {
    return (await this.kept(await fileKey(...file))).blob !== undefined;
  }

  async #drop(key: string): Promise<void> {
    try {
      await removeKept(this.disk.files, key);
    } catch (error) {
      // A tab without locks has it open; another time, then.
      if (!isNamed(error, "NoModificationAllowedError")) throw error;
    }
  }

  #alone<T>(work: () => Promise<T>): Promise<T> {
    return this.locks.alone(recordsLock, work);
  }
}

/** The first that can be started, then the newest. */
function withNext(old: readonly Listing[], next: Listing): readonly Listing[] {
  const last = old.at(-1);
  if (last !== undefined && continues(last, next)) {
    return [...old.slice(0, -1), next];
  }
  return [...old.slice(0, 1), next];
}

function* factsOf(listings: readonly Listing[]) {
  for (const { files, commit } of listings) {
    for (const [path, fact] of Object.entries(files)) {
      if (fact !== null) yield [path, fact, commit] as const;
    }
  }
}

/** Where a file is kept: by what is in it, or by where it is from and which
 * version that is. */
export async function fileKey(
  source: RemoteSource,
  path: string,
  fact: Fact,
  commit: string | undefined,
): Promise<string> {
  const bytes = fact.bytes ?? "unknown";
  if (fact.sha256 !== undefined) return `sha256-${fact.sha256}-${bytes}`;
  if (fact.blob !== undefined) return `git-${fact.blob}-${bytes}`;
  const url = urlOf(source, path, commit);
  return `url-${await sha256(`${url} ${fact.version ?? ""}`)}-${bytes}`;
}
