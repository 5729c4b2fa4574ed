/** A tab with a store in OPFS and IndexedDB, and a scripted server. */
import { expose, transferHandlers } from "comlink";
import type { ModelSource, StoredModel } from "../../../src/shared/models";
import { transferErrors } from "../../../src/shared/error-transfer";
import { Database } from "../database";
import { newStore, openFolder } from "../open-folder";
import type { Progress } from "../progress";
import type { Store } from "../store";
import type { Bytes } from "./bytes";
import { FakeServer, type Sent } from "./fake-server";

const source = {
  kind: "url",
  url: "https://models.test/nano/",
} as const satisfies ModelSource;

export class Tab {
  readonly #server = new FakeServer(64 * 1024, 50);
  #store: Store | undefined;
  #folder: Awaited<ReturnType<typeof openFolder>> | undefined;
  readonly #stop = new AbortController();
  readonly #seen: Progress[] = [];

  /** `pause`: ms before each chunk; `down`: offline. */
  async open(
    directory: string,
    files: Readonly<Record<string, Bytes>>,
    pause = 0,
    down = false,
  ): Promise<void> {
    const database = new Database(directory);
    this.#store = await newStore(this.#server.net, database, directory);
    await this.#server.publish("/nano/", files);
    Object.assign(this.#server, { pause, down });
    this.#server.hub.chunkBytes = 16 * 1024;
  }

  async load(paths: string[]): Promise<Record<string, Blob>> {
    const { signal } = this.#stop;
    this.#folder = await openFolder(this.#opened, source, signal);
    const blobs = await this.#folder.fetch(paths, signal, (progress) => {
      this.#seen.push(progress);
    });
    return Object.fromEntries(blobs);
  }

  abort(): void {
    this.#stop.abort();
  }

  release(): void {
    this.#folder?.release();
  }

  list(): Promise<StoredModel[]> {
    return this.#opened.list();
  }

  remove(key: string): Promise<void> {
    return this.#opened.remove(key);
  }

  progress(): Progress[] {
    return this.#seen;
  }

  sent(): Sent[] {
    return this.#server.sent;
  }

  get #opened(): Store {
    if (this.#store === undefined) throw new Error("Open it first.");
    return this.#store;
  }
}

transferErrors(transferHandlers);
expose(new Tab());
