import { findFile, type Listing } from "./listing";
import { fileKey, type IndexedFile } from "./model-index";
import { requestHead } from "./response";
import { Semaphore } from "./semaphore";
import { urlOf, type RemoteSource } from "./source";
import type { Store } from "./store";

/** Head requests at a time. */
const MAX_HEAD_REQUESTS = 6;

/** A file that exists. */
export interface ResolvedFile extends IndexedFile {
  readonly url: string;
}

/** Resolves paths from the listing, or by one request each if that has gaps. */
export class FileResolver {
  readonly #store: Store;
  readonly #model: string;
  readonly #source: RemoteSource;
  readonly #offline: boolean;
  #listing: Listing;
  /** Head requests, by path. */
  readonly #requests = new Map<string, Promise<void>>();

  constructor(
    store: Store,
    model: string,
    source: RemoteSource,
    listing: Listing,
    offline: boolean,
  ) {
    this.#store = store;
    this.#model = model;
    this.#source = source;
    this.#listing = listing;
    this.#offline = offline;
  }

  get listing(): Listing {
    return this.#listing;
  }

  /** Skips the paths that do not exist. */
  async resolve(
    paths: readonly string[],
    signal: AbortSignal,
  ): Promise<ResolvedFile[]> {
    const before = this.#listing;
    const slots = new Semaphore(MAX_HEAD_REQUESTS);
    const unique = [...new Set(paths)];
    if (!before.complete && !this.#offline) {
      await Promise.all(
        unique.map((path) => slots.run(() => this.#requestOnce(path, signal))),
      );
    }
    if (this.#listing !== before) {
      await this.#store.addListing(this.#model, this.#source, this.#listing);
    }
    const { commit } = this.#listing;
    const resolved: ResolvedFile[] = [];
    for (const path of unique) {
      const file = findFile(this.#listing, path);
      if (file === undefined) continue;
      const url = urlOf(this.#source, path, commit);
      const key = await fileKey(this.#source, path, file, commit);
      resolved.push({ path, file, url, key });
    }
    return resolved;
  }

  /** The next `resolve` requests the file's metadata again, if unlisted. */
  forget(path: string): void {
    this.#requests.delete(path);
  }

  #requestOnce(path: string, signal: AbortSignal): Promise<void> {
    const pending = this.#requests.get(path) ?? this.#request(path, signal);
    this.#requests.set(path, pending);
    return pending;
  }

  async #request(path: string, signal: AbortSignal): Promise<void> {
    const { commit, name: place } = this.#listing;
    const location = { path, url: urlOf(this.#source, path, commit), place };
    const lenient = this.#source.kind === "url";
    try {
      const head = isInside(path)
        ? await requestHead(this.#store.net, location, lenient, signal)
        : undefined;
      const files = { ...this.#listing.files, [path]: head?.file ?? null };
      this.#listing = { ...this.#listing, files };
    } catch (error) {
      this.#requests.delete(path);
      throw error;
    }
  }
}

/** A graph may name any path as its external data. */
function isInside(path: string): boolean {
  const parts = path.split("/");
  return parts.every((part) => part !== "" && part !== "." && part !== "..");
}
