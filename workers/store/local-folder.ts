import type { License, LocalFile, ModelFile } from "../../src/shared/models";
import { corrupt, missing, parseJson, unreadable } from "../util/file-errors";
import { nextTask } from "../util/scheduler";
import { Digest } from "./digest";
import { aborted } from "./errors";
import type { ModelFolder } from "./model-folder";
import { factOf, readManifest, type Listing } from "./listing";
import { ProgressMeter, type Progress } from "./progress";
import { bytesOf } from "../util/read-blob";

/** What files of this machine were checked against, so that each is read once. */
const checked = new WeakMap<Blob, string>();

/** Bytes that are hashed at once. */
const BLOCK = 4 * 1024 * 1024;

/** Addresses in a manifest are absolute; this is for those that are not. */
const BASE = "https://folder.invalid/";

/** A folder on this machine. Its files are used where they are. */
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
    const text = new TextDecoder().decode(await read(path, manifest));
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
      const sha256 = factOf(this.#listing, path)?.sha256;
      const hash = sha256 === undefined ? {} : { sha256 };
      files.set(path, { path, bytes: file.size, kept: file.size, ...hash });
    }
    return Promise.resolve(files);
  }

  async fetch(
    paths: readonly string[],
    signal: AbortSignal,
    onProgress: (progress: Progress) => void,
  ): Promise<Map<string, Blob>> {
    const blobs = new Map<string, Blob>();
    const meter = new ProgressMeter(onProgress);
    for (const path of paths) {
      const file = this.#files.get(path);
      if (file === undefined) throw missing(path, `The folder ${this.name}`);
      meter.expect(path, file.size);
      blobs.set(path, file);
    }
    for (const [path, file] of blobs) {
      await this.#check(path, file, signal, meter);
      meter.kept(path, file.size);
    }
    meter.flush();
    return blobs;
  }

  release(): void {
    // Nothing is kept of it.
  }

  /** @throws if it is not what the manifest says */
  async #check(
    path: string,
    file: Blob,
    signal: AbortSignal,
    meter: ProgressMeter,
  ) {
    if (signal.aborted) throw aborted();
    const fact = factOf(this.#listing, path);
    if (fact?.sha256 === undefined) return;
    if (fact.bytes !== file.size) {
      const why = `it has ${file.size} bytes, and manifest.json says ${fact.bytes}`;
      throw corrupt(path, why);
    }
    if (checked.get(file) === fact.sha256) return;
    const digest = await Digest.create(fact);
    for (let at = 0; at < file.size; at += BLOCK) {
      if (signal.aborted) throw aborted();
      digest.update(await read(path, file.slice(at, at + BLOCK)));
      meter.kept(path, Math.min(at + BLOCK, file.size));
      await nextTask();
    }
    digest.check(path);
    checked.set(file, fact.sha256);
  }
}

async function read(path: string, blob: Blob): Promise<Uint8Array> {
  try {
    return await bytesOf(blob);
  } catch (error) {
    throw unreadable(path, error);
  }
}
