import type { License, ModelFile } from "../../src/shared/models";
import { missing } from "../util/file-errors";
import { downloadFile } from "./download";
import { loadAborted, deleted, hasCode, isNamed } from "./errors";
import type { FileResolver, ResolvedFile } from "./file-resolver";
import { modelFile } from "./listing";
import type { ModelFolder } from "./model-folder";
import { ProgressTracker, type Progress } from "./progress";
import { Semaphore } from "./semaphore";
import { modelLock, type Store } from "./store";

/** Browsers allow six connections to an HTTP/1.1 host. */
const MAX_CONNECTIONS = 4;
const MAX_OPEN_FILES = 4;
/** ms of waiting for another tab before it is reported. */
const WAIT_NOTICE = 100;
/** ms between reports while waiting, even if the other tab sends none. */
const WAIT_REPORT_INTERVAL = 1000;

interface IncompleteFile {
  readonly file: ResolvedFile;
  /** Bytes that are missing. */
  readonly bytes: number;
}

/** A model's folder on a server, or its last known listing. */
export class RemoteFolder implements ModelFolder {
  readonly #store: Store;
  readonly #model: string;
  readonly #resolver: FileResolver;
  /** Functions that release the locks of files in use, by file key. */
  readonly #releases = new Map<string, () => void>();

  constructor(store: Store, model: string, resolver: FileResolver) {
    this.#store = store;
    this.#model = model;
    this.#resolver = resolver;
  }

  get name(): string {
    return this.#resolver.listing.name;
  }

  get commit(): string | undefined {
    return this.#resolver.listing.commit;
  }

  get license(): License | undefined {
    return this.#resolver.listing.license;
  }

  async stat(
    paths: readonly string[],
    signal: AbortSignal,
  ): Promise<Map<string, ModelFile>> {
    const files = new Map<string, ModelFile>();
    const resolved = await this.#resolver.resolve(paths, signal);
    for (const { path, key, file } of resolved) {
      const { bytes: kept } = await this.#store.stored(key);
      files.set(path, modelFile(path, file, kept));
    }
    return files;
  }

  async fetch(
    paths: readonly string[],
    signal: AbortSignal,
    onProgress: (progress: Progress) => void,
  ): Promise<Map<string, Blob>> {
    const removal = new AbortController();
    const stopListening = this.#store.channel.listen(({ type, model }) => {
      if (type === "removed" && model === this.#model) removal.abort();
    });
    const either = AbortSignal.any([signal, removal.signal]);
    try {
      return await this.#fetch(paths, either, onProgress);
    } catch (error) {
      if (signal.aborted) throw loadAborted();
      if (removal.signal.aborted) throw deleted(this.name);
      if (!isNamed(error, "QuotaExceededError")) throw error;
      const missing = await this.#incomplete(await this.#find(paths, signal));
      throw await this.#store.full(this.#model, this.name, bytesOf(missing));
    } finally {
      stopListening();
    }
  }

  async identify(
    paths: readonly string[],
    signal: AbortSignal,
  ): Promise<Map<string, string>> {
    const files = await this.#resolver.resolve(paths, signal);
    return new Map(files.map(({ path, key }) => [path, key]));
  }

  release(): void {
    for (const release of this.#releases.values()) release();
    this.#releases.clear();
    // Deletes files whose model was deleted meanwhile; else the next start does.
    this.#store.sweep().catch(() => undefined);
  }

  async #fetch(
    paths: readonly string[],
    signal: AbortSignal,
    onProgress: (progress: Progress) => void,
  ): Promise<Map<string, Blob>> {
    const model = this.#model;
    let downloading = false;
    const tracker = new ProgressTracker((progress, bytes) => {
      onProgress(progress);
      const { rate } = progress;
      if (!downloading) return;
      this.#store.channel.post({ type: "progress", model, bytes, rate });
    });
    const files = await this.#find(paths, signal);
    for (const { path, file } of files) tracker.addFile(path, file.bytes);
    let blobs = await this.#completeBlobs(files, tracker);
    if (blobs.size < files.length) {
      await this.#withModelLock(tracker, signal, async () => {
        downloading = true;
        // Another tab may have downloaded files until now.
        const missing = await this.#incomplete(files);
        await this.#store.reserve(model, this.name, bytesOf(missing));
        await this.#downloadAll(missing, tracker, signal);
      });
      blobs = await this.#completeBlobs(
        await this.#find(paths, signal),
        tracker,
      );
      if (blobs.size < files.length) throw deleted(this.name);
    }
    await this.#store.dropOldListing(model);
    tracker.flush();
    return blobs;
  }

  async #find(
    paths: readonly string[],
    signal: AbortSignal,
  ): Promise<ResolvedFile[]> {
    const files = await this.#resolver.resolve(paths, signal);
    const existing = new Set(files.map(({ path }) => path));
    const lost = paths.find((path) => !existing.has(path));
    if (lost !== undefined) throw missing(lost, this.name);
    return files;
  }

  /** Blobs of the complete files, which are locked against deletion. */
  async #completeBlobs(
    files: readonly ResolvedFile[],
    tracker: ProgressTracker,
  ): Promise<Map<string, Blob>> {
    const blobs = new Map<string, Blob>();
    for (const { path, key } of files) {
      let stored = await this.#store.stored(key);
      if (stored.blob !== undefined && !this.#releases.has(key)) {
        this.#releases.set(key, await this.#store.use(key));
        // Another tab may have deleted it before the lock was taken.
        stored = await this.#store.stored(key);
      }
      if (stored.blob !== undefined) blobs.set(path, stored.blob);
      tracker.stored(path, stored.bytes);
    }
    return blobs;
  }

  /** Files with the same content count once. */
  async #incomplete(files: readonly ResolvedFile[]): Promise<IncompleteFile[]> {
    const incomplete = new Map<string, IncompleteFile>();
    for (const file of files) {
      const stored = await this.#store.stored(file.key);
      if (stored.blob !== undefined) continue;
      // Of unknown size: counted when they arrive.
      const { bytes: size = stored.bytes } = file.file;
      const bytes = Math.max(0, size - stored.bytes);
      incomplete.set(file.key, { file, bytes });
    }
    return [...incomplete.values()];
  }

  /** Runs `task` when no other tab downloads the model; until then reports the
   * progress of that tab. */
  async #withModelLock(
    tracker: ProgressTracker,
    signal: AbortSignal,
    task: () => Promise<void>,
  ): Promise<void> {
    const stopListening = this.#store.channel.listen((message) => {
      if (message.type !== "progress" || message.model !== this.#model) return;
      tracker.remoteProgress(message.bytes, message.rate);
    });
    const notice = setTimeout(() => {
      tracker.setWaiting(true);
    }, WAIT_NOTICE);
    const reports = setInterval(() => {
      tracker.flush();
    }, WAIT_REPORT_INTERVAL);
    const stopWaiting = (): void => {
      clearTimeout(notice);
      stopListening();
    };
    try {
      await this.#store.locks.exclusive(
        modelLock(this.#model),
        () => {
          stopWaiting();
          tracker.setWaiting(false);
          return task();
        },
        signal,
      );
    } finally {
      stopWaiting();
      clearInterval(reports);
    }
  }

  /** The first failure aborts the other downloads, whose bytes are kept. */
  async #downloadAll(
    files: readonly IncompleteFile[],
    tracker: ProgressTracker,
    signal: AbortSignal,
  ): Promise<void> {
    const failing = new AbortController();
    const either = AbortSignal.any([signal, failing.signal]);
    const openFiles = new Semaphore(MAX_OPEN_FILES);
    const connections = new Semaphore(MAX_CONNECTIONS);
    const errors: unknown[] = [];
    const download = async ({ file }: IncompleteFile): Promise<void> => {
      try {
        await openFiles.run(() =>
          this.#download(file, connections, tracker, either),
        );
      } catch (error) {
        errors.push(error);
        failing.abort();
      }
    };
    await Promise.all(files.map(download));
    if (errors.length > 0) throw errors[0];
  }

  async #download(
    resolved: ResolvedFile,
    connections: Semaphore,
    tracker: ProgressTracker,
    signal: AbortSignal,
  ): Promise<void> {
    const { net, storage } = this.#store;
    const attempt = ({ path, file, url, key }: ResolvedFile): Promise<void> => {
      tracker.addFile(path, file.bytes);
      const location = { path, url, place: this.name };
      const download = {
        net,
        location,
        file,
        connections,
        signal,
        onReceived: (bytes: number) => {
          tracker.received(bytes);
        },
        onStored: (bytes: number) => {
          tracker.stored(path, bytes);
        },
      };
      return this.#store.withFile(key, signal, async () => {
        // A download of another model may have completed it.
        const { blob } = await this.#store.stored(key);
        if (blob === undefined) await downloadFile(storage, key, download);
      });
    };
    if (signal.aborted) throw loadAborted();
    try {
      await attempt(resolved);
    } catch (error) {
      if (!hasCode(error, "model-corrupt")) throw error;
      // Damaged in transit, or changed on the server: try once more.
      const { path } = resolved;
      this.#resolver.forget(path);
      const [again] = await this.#resolver.resolve([path], signal);
      if (again === undefined) throw error;
      await attempt(again);
    }
  }
}

function bytesOf(files: readonly { readonly bytes: number }[]): number {
  return files.reduce((sum, { bytes }) => sum + bytes, 0);
}
