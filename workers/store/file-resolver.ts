import { requestHead } from "./head-request";
import { factOf, type Fact, type Listing } from "./listing";
import { Semaphore } from "./semaphore";
import { urlOf, type RemoteSource } from "./source";
import { fileKey, type Store } from "./store";

/** Questions to a server at once. */
const QUESTIONS = 6;

/** A file that exists, and where it is kept. */
export interface Found {
  readonly path: string;
  readonly fact: Fact;
  readonly url: string;
  readonly key: string;
}

/** Looks files up: in the listing, or one by one on the server if that does not
 * list them all. */
export class FileResolver {
  readonly #store: Store;
  readonly #model: string;
  readonly #source: RemoteSource;
  readonly #offline: boolean;
  #listing: Listing;
  /** Questions to the server, by path. */
  readonly #asked = new Map<string, Promise<void>>();

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

  /** Those of `paths` that exist. */
  async find(paths: readonly string[], signal: AbortSignal): Promise<Found[]> {
    const before = this.#listing;
    const slots = new Semaphore(QUESTIONS);
    const unique = [...new Set(paths)];
    await Promise.all(
      unique.map((path) => slots.use(() => this.#ask(path, signal))),
    );
    if (this.#listing !== before) {
      await this.#store.save(this.#model, this.#source, this.#listing);
    }
    const found: Found[] = [];
    for (const path of unique) {
      const { commit } = this.#listing;
      const fact = factOf(this.#listing, path);
      if (fact === undefined) continue;
      const url = urlOf(this.#source, path, commit);
      const key = await fileKey(this.#source, path, fact, commit);
      found.push({ path, fact, url, key });
    }
    return found;
  }

  /** The server is asked about it again, if it is the only one to know. */
  forget(path: string): void {
    this.#asked.delete(path);
  }

  #ask(path: string, signal: AbortSignal): Promise<void> {
    if (this.#listing.whole || this.#offline) return Promise.resolve();
    const asked = this.#asked.get(path) ?? this.#askNow(path, signal);
    this.#asked.set(path, asked);
    return asked;
  }

  async #askNow(path: string, signal: AbortSignal): Promise<void> {
    const { commit, name } = this.#listing;
    const url = urlOf(this.#source, path, commit);
    const remote = { path, url, place: name };
    const lenient = this.#source.kind === "url";
    try {
      const head = isInside(path)
        ? await requestHead(this.#store.net, remote, lenient, signal)
        : undefined;
      const files = { ...this.#listing.files, [path]: head?.fact ?? null };
      this.#listing = { ...this.#listing, files };
    } catch (error) {
      this.#asked.delete(path);
      throw error;
    }
  }
}

/** A graph may name any file as its external data. */
function isInside(path: string): boolean {
  const parts = path.split("/");
  return parts.every((part) => part !== "" && part !== "." && part !== "..");
}
