import type { ModelFile, StoredModel } from "../../src/shared/models";
import type { VlmError } from "../../src/shared/errors";
import type { Channel } from "./channel";
import { isNamed, storageFull, undeletable } from "./errors";
import { findFile, modelFile, type Listing } from "./listing";
import type { Locks } from "./locks";
import {
  fileKey,
  storedFilesOf,
  withListing,
  type ModelRecord,
} from "./model-index";
import type { Net } from "./request";
import { spansSize } from "./ranges";
import type { RemoteSource } from "./source";
import type { ModelStorage } from "./storage";

/** ms that another tab has to end its download of a model being deleted. */
const REMOVE_TIMEOUT = 10_000;
/** An upper bound for the bytes of a model's record. */
const MAX_RECORD_BYTES = 1_000_000;

/** The part of a file that is on the disk. */
interface StoredFile {
  readonly bytes: number;
  /** Present if the file is complete and verified. */
  readonly blob?: Blob;
}

const indexLock = "fast-vlm records";
export const modelLock = (key: string): string => `fast-vlm model ${key}`;
const fileLock = (key: string) => `fast-vlm file ${key}`;
const useLock = (key: string) => `fast-vlm use ${key}`;

/**
 * The models stored in this browser. Files are stored by hash, so that models
 * and commits share equal ones; a file without a record is deleted when no tab
 * uses it.
 */
export class Store {
  readonly net: Net;
  readonly storage: ModelStorage;
  readonly locks: Locks;
  readonly channel: Channel;

  constructor(net: Net, storage: ModelStorage, locks: Locks, channel: Channel) {
    this.net = net;
    this.storage = storage;
    this.locks = locks;
    this.channel = channel;
  }

  record(model: string): Promise<ModelRecord | undefined> {
    return this.#withIndex(() => this.storage.models.get(model));
  }

  /** Records the newest listing of a model. */
  async addListing(
    model: string,
    source: RemoteSource,
    listing: Listing,
  ): Promise<void> {
    const { models } = this.storage;
    try {
      await this.#withIndex(async () => {
        const record = await models.get(model);
        const listings = withListing(record, listing);
        if (JSON.stringify(listings) === JSON.stringify(record?.listings)) {
          return;
        }
        await models.put(model, { source, listings });
      });
    } catch (error) {
      if (!isNamed(error, "QuotaExceededError")) throw error;
      throw await this.full(model, listing.name, MAX_RECORD_BYTES);
    }
  }

  /** Drops the older listing of a model once each of its stored files is also
   * stored for the newer listing, or no longer part of it. */
  async dropOldListing(model: string): Promise<void> {
    const dropped = await this.#withIndex(async () => {
      const record = await this.storage.models.get(model);
      const [older, newer] = record?.listings ?? [];
      if (record === undefined || older === undefined || newer === undefined) {
        return false;
      }
      const { source } = record;
      const isComplete = async (path: string, listing: Listing) => {
        const file = findFile(listing, path);
        if (file === undefined) return undefined;
        const key = await fileKey(source, path, file, listing.commit);
        return (await this.stored(key)).blob !== undefined;
      };
      for (const path of Object.keys(older.files)) {
        if ((await isComplete(path, newer)) !== false) continue;
        if (await isComplete(path, older)) return false;
      }
      await this.storage.models.put(model, { source, listings: [newer] });
      return true;
    });
    if (dropped) await this.sweep();
  }

  /** Does not open the file: the bytes of the last seconds may be missing. */
  async stored(key: string): Promise<StoredFile> {
    const { disk, journal } = this.storage;
    const entry = await journal.get(key);
    const blob = entry === undefined ? undefined : await disk.blob(key);
    if (entry === undefined || blob === undefined) return { bytes: 0 };
    if (entry.verified === blob.size) return { bytes: blob.size, blob };
    return { bytes: Math.min(spansSize(entry.spans), blob.size) };
  }

  /** Runs `task` as the only writer of a file. */
  withFile<T>(key: string, signal: AbortSignal, task: () => Promise<T>) {
    return this.locks.exclusive(fileLock(key), task, signal);
  }

  /** Locks a complete file against deletion; resolves with the release. */
  use(key: string): Promise<() => void> {
    return this.locks.share(useLock(key));
  }

  /** Deletes files that no record lists and no tab uses. */
  sweep(): Promise<void> {
    return this.#withIndex(async () => {
      const { disk, journal, models } = this.storage;
      const keys = new Set(await disk.names());
      for (const key of (await journal.entries()).keys()) keys.add(key);
      const records = await models.entries();
      for (const record of records.values()) {
        for (const { key } of await storedFilesOf(record)) keys.delete(key);
      }
      for (const key of keys) {
        await this.locks.ifFree(fileLock(key), async () => {
          await this.locks.ifFree(useLock(key), () => this.#removeFile(key));
        });
      }
    });
  }

  /** Every model of which any bytes are stored. */
  async list(): Promise<StoredModel[]> {
    const records = await this.#withIndex(() => this.storage.models.entries());
    const models: StoredModel[] = [];
    for (const [key, record] of records) {
      // Files with the same content are listed once, under the first path.
      const files = new Map<string, ModelFile>();
      for (const { path, file, key } of await storedFilesOf(record)) {
        if (files.has(key)) continue;
        const { bytes: kept } = await this.stored(key);
        if (kept === 0) continue;
        files.set(key, modelFile(path, file, kept));
      }
      if (files.size === 0) continue;
      const stored = [...files.values()];
      const bytes = stored.reduce((sum, file) => sum + file.kept, 0);
      const { source, listings } = record;
      const { name, commit } = listings[0];
      const at = commit === undefined ? {} : { commit };
      models.push({ key, name, source, bytes, files: stored, ...at });
    }
    return models;
  }

  /** Aborts a download of the model; files that are in use or belong to other
   * models stay. Does nothing for an unknown key. */
  async remove(model: string): Promise<void> {
    const record = await this.record(model);
    if (record === undefined) return;
    this.channel.post({ type: "removed", model });
    const signal = AbortSignal.timeout(REMOVE_TIMEOUT);
    try {
      await this.locks.exclusive(
        modelLock(model),
        () => this.#withIndex(() => this.storage.models.delete(model)),
        signal,
      );
    } catch (error) {
      if (!signal.aborted) throw error;
      throw undeletable(record.listings[0].name, error);
    }
    await this.sweep();
  }

  /** @throws `storage-full` if this many more bytes do not fit */
  async reserve(model: string, name: string, bytes: number): Promise<void> {
    const fits = async () =>
      bytes <= ((await this.storage.disk.free()) ?? Infinity);
    if (await fits()) return;
    await this.sweep();
    if (await fits()) return;
    throw await this.full(model, name, bytes);
  }

  /** The `storage-full` error for this many more bytes. */
  async full(model: string, name: string, bytes: number): Promise<VlmError> {
    const free = await this.storage.disk.free();
    const others = (await this.list()).filter(({ key }) => key !== model);
    return storageFull(name, bytes, free, others);
  }

  async #removeFile(key: string): Promise<void> {
    const { disk, journal } = this.storage;
    try {
      // First the journal, so that no old byte counts.
      await journal.delete(key);
      await disk.remove(key);
    } catch (error) {
      // A tab without locks has the file open; a later sweep deletes it.
      if (!isNamed(error, "NoModificationAllowedError")) throw error;
    }
  }

  #withIndex<T>(task: () => Promise<T>): Promise<T> {
    return this.locks.exclusive(indexLock, task);
  }
}
