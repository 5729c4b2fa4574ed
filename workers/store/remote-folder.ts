import type { License, ModelFile } from "../../src/shared/models";
import { missing } from "../util/file-errors";
import { bring, inTurn } from "./download";
import { aborted, deleted, isNamed } from "./errors";
import type { ModelFolder } from "./model-folder";
import type { Found, FileResolver } from "./file-resolver";
import { ProgressMeter, type Progress } from "./progress";
import type { Store } from "./store";

type OnProgress = (progress: Progress) => void;

interface Lacking {
  readonly file: Found;
  readonly bytes: number;
}

/** A model's folder on a server, or as it was last seen there. */
export class RemoteFolder implements ModelFolder {
  readonly #store: Store;
  readonly #model: string;
  readonly #lookup: FileResolver;
  /** What keeps files from being deleted, by their keys. */
  readonly #uses = new Map<string, () => void>();

  constructor(store: Store, model: string, lookup: FileResolver) {
    this.#store = store;
    this.#model = model;
    this.#lookup = lookup;
  }

  get name(): string {
    return this.#lookup.listing.name;
  }

  get commit(): string | undefined {
    return this.#lookup.listing.commit;
  }

  get license(): License | undefined {
    return this.#lookup.listing.license;
  }

  async stat(
    paths: readonly string[],
    signal: AbortSignal,
  ): Promise<Map<string, ModelFile>> {
    const files = new Map<string, ModelFile>();
    for (const { path, key, fact } of await this.#lookup.find(paths, signal)) {
      const kept = (await this.#store.kept(key)).bytes;
      const { bytes = kept, sha256 } = fact;
      const hash = sha256 === undefined ? {} : { sha256 };
      files.set(path, { path, bytes, kept, ...hash });
    }
    return files;
  }

  async fetch(
    paths: readonly string[],
    signal: AbortSignal,
    onProgress: OnProgress,
  ): Promise<Map<string, Blob>> {
    const removal = new AbortController();
    const deaf = this.#store.channel.listen(({ type, model }) => {
      if (type === "removed" && model === this.#model) removal.abort();
    });
    const either = AbortSignal.any([signal, removal.signal]);
    try {
      return await this.#fetch(paths, either, onProgress);
    } catch (error) {
      if (signal.aborted) throw aborted();
      if (removal.signal.aborted) throw deleted(this.name);
      if (!isNamed(error, "QuotaExceededError")) throw error;
      const lacking = await this.#lacking(await this.#find(paths, signal));
      throw await this.#store.full(this.#model, this.name, bytesOf(lacking));
    } finally {
      deaf();
    }
  }

  release(): void {
    for (const release of this.#uses.values()) release();
    this.#uses.clear();
    // What was deleted meanwhile can go now, or else at the next start.
    this.#store.sweep().catch(() => undefined);
  }

  async #fetch(
    paths: readonly string[],
    signal: AbortSignal,
    onProgress: OnProgress,
  ): Promise<Map<string, Blob>> {
    const { channel } = this.#store;
    const model = this.#model;
    let downloading = false;
    const meter = new ProgressMeter((progress, here) => {
      onProgress(progress);
      const { rate } = progress;
      if (downloading) channel.post({ type: "progress", model, here, rate });
    });
    const files = await this.#find(paths, signal);
    for (const { path, fact } of files) meter.expect(path, fact.bytes);
    let blobs = await this.#blobs(files, meter);
    if (blobs.size < files.length) {
      await inTurn(this.#store, model, meter, signal, async () => {
        downloading = true;
        // Another tab may have been at work until now.
        const lacking = await this.#lacking(files);
        await this.#store.reserve(model, this.name, bytesOf(lacking));
        const lost = lacking.map(({ file }) => file);
        await bring(this.#store, this.#lookup, lost, meter, signal);
      });
      blobs = await this.#blobs(await this.#find(paths, signal), meter);
      if (blobs.size < files.length) throw deleted(this.name);
    }
    await this.#store.settle(model);
    meter.flush();
    return blobs;
  }

  async #find(paths: readonly string[], signal: AbortSignal) {
    const files = await this.#lookup.find(paths, signal);
    const there = new Set(files.map(({ path }) => path));
    const lost = paths.find((path) => !there.has(path));
    if (lost !== undefined) throw missing(lost, this.name);
    return files;
  }

  /** Those that are here, whole. From now on they are in use. */
  async #blobs(files: readonly Found[], meter: ProgressMeter) {
    const blobs = new Map<string, Blob>();
    for (const { path, key } of files) {
      let kept = await this.#store.kept(key);
      if (kept.blob !== undefined && !this.#uses.has(key)) {
        this.#uses.set(key, await this.#store.use(key));
        // Another tab may have deleted it just before.
        kept = await this.#store.kept(key);
      }
      if (kept.blob !== undefined) blobs.set(path, kept.blob);
      meter.kept(path, kept.bytes);
    }
    return blobs;
  }

  /** Those that are not whole, with the bytes still to come. Equal files are
   * one. */
  async #lacking(files: readonly Found[]): Promise<Lacking[]> {
    const lacking = new Map<string, Lacking>();
    for (const file of files) {
      const kept = await this.#store.kept(file.key);
      const bytes = Math.max(0, (file.fact.bytes ?? 0) - kept.bytes);
      if (kept.blob === undefined) lacking.set(file.key, { file, bytes });
    }
    return [...lacking.values()];
  }
}

function bytesOf(files: readonly { readonly bytes: number }[]): number {
  return files.reduce((sum, { bytes }) => sum + bytes, 0);
}
