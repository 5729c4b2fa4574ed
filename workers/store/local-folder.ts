import type { License, LocalFile, ModelFile } from "../../src/shared/models";
import { corrupt, missing, parseJson } from "../util/file-errors";
import { nextTask } from "../util/scheduler";
import { Digest } from "./digest";
import { loadAborted } from "./errors";
import type { ModelFolder } from "./model-folder";
import { findFile, modelFile, readManifest, type Listing } from "./listing";
import { ProgressTracker, type Progress } from "./progress";
import { readFile } from "../util/read-blob";

/** SHA-256 that each file was verified against, so that it is read only once. */
const verified = new WeakMap<Blob, string>();

/** Bytes per read when a file is hashed. */
const HASH_BLOCK = 4 * 1024 * 1024;

/** Base of a manifest's relative URLs, which are never requested. */
const BASE = "https://folder.invalid/";

/** A folder on this machine; its files are not copied. */
export class LocalFolder implements ModelFolder {
  readonly #name: string;
  readonly #files: ReadonlyMap<string, Blob>;
  readonly #listing: Listing | undefined;

  constructor(
    name: string,
    files: ReadonlyMap<string, Blob>,
    listing: Listing | undefined,
  ) {
    this.#name = name;
    this.#files = files;
    this.#listing = listing;
  }

  static async open(
    name: string,
    given: readonly LocalFile[],
  ): Promise<LocalFolder> {
    const files = new Map(given.map(({ path, file }) => [path, file]));
    const path = "manifest.json";
    const manifest = files.get(path);
    if (manifest === undefined) return new LocalFolder(name, files, undefined);
    const text = new TextDecoder().decode(await readFile(path, manifest));
    const json = parseJson(path, text);
    return new LocalFolder(name, files, readManifest(json, name, BASE));
  }

  get name(): string {
    return this.#listing?.name ?? this.#name;
  }

  get license(): License | undefined {
    return this.#listing?.license;
  }

  stat(paths: readonly string[]): Promise<Map<string, ModelFile>> {
    const files = new Map<string, ModelFile>();
    for (const path of paths) {
      const file = this.#files.get(path);
      if (file === undefined) continue;
      const { size } = file;
      const listed = findFile(this.#listing, path);
      files.set(path, modelFile(path, { ...listed, bytes: size }, size));
    }
    return Promise.resolve(files);
  }

  async fetch(
    paths: readonly string[],
    signal: AbortSignal,
    onProgress: (progress: Progress) => void,
  ): Promise<Map<string, Blob>> {
    const blobs = new Map<string, Blob>();
    const tracker = new ProgressTracker(onProgress);
    for (const path of paths) {
      const file = this.#files.get(path);
      if (file === undefined) throw missing(path, `The folder ${this.name}`);
      tracker.addFile(path, file.size);
      blobs.set(path, file);
    }
    for (const [path, file] of blobs) {
      await this.#verify(path, file, signal, tracker);
      tracker.stored(path, file.size);
    }
    tracker.flush();
    return blobs;
  }

  identify(paths: readonly string[]): Promise<Map<string, string>> {
    const identities = new Map<string, string>();
    for (const path of paths) {
      const file = this.#files.get(path);
      const hash = findFile(this.#listing, path)?.sha256;
      if (hash !== undefined && file !== undefined) {
        identities.set(path, `sha256-${hash}-${file.size}`);
      } else if (file instanceof File) {
        identities.set(path, `${file.size} ${file.lastModified}`);
      }
    }
    return Promise.resolve(identities);
  }

  release(): void {
    // Nothing of it is stored.
  }

  /** @throws `model-corrupt` unless the file matches the manifest */
  async #verify(
    path: string,
    file: Blob,
    signal: AbortSignal,
    tracker: ProgressTracker,
  ) {
    if (signal.aborted) throw loadAborted();
    const expected = findFile(this.#listing, path);
    if (expected?.sha256 === undefined) return;
    if (expected.bytes !== file.size) {
      const why = `it has ${file.size} bytes instead of the ${expected.bytes} in manifest.json`;
      throw corrupt(path, why);
    }
    if (verified.get(file) === expected.sha256) return;
    const digest = await Digest.create(expected);
    for (let at = 0; at < file.size; at += HASH_BLOCK) {
      if (signal.aborted) throw loadAborted();
      digest.update(await readFile(path, file.slice(at, at + HASH_BLOCK)));
      tracker.stored(path, Math.min(at + HASH_BLOCK, file.size));
      await nextTask();
    }
    digest.verify(path);
    verified.set(file, expected.sha256);
  }
}
