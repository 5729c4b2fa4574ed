import { sha256 } from "hash-wasm";
import type { FileMetadata, Listing } from "./listing";
import { urlOf, type RemoteSource } from "./source";

/** What is stored about a model besides its files. */
export interface ModelRecord {
  readonly source: RemoteSource;
  /**
   * The last listings, oldest first, at most two. Of two, the first has all the
   * files that were loaded; files of the second are still to be downloaded.
   */
  readonly listings: readonly [Listing] | readonly [Listing, Listing];
}

/** The record's listings after its source was listed again. */
export function withListing(
  record: ModelRecord | undefined,
  next: Listing,
): ModelRecord["listings"] {
  if (record === undefined) return [next];
  const [first, second] = record.listings;
  if (extendsListing(second ?? first, next)) {
    return second === undefined ? [next] : [first, next];
  }
  return [first, next];
}

/** Whether `next` has the same files as `last`, or more. */
function extendsListing(last: Listing, next: Listing): boolean {
  if (last.commit !== next.commit || last.complete !== next.complete) {
    return false;
  }
  return Object.entries(last.files).every(([path, file]) => {
    if (!Object.hasOwn(next.files, path)) return !next.complete;
    return JSON.stringify(next.files[path]) === JSON.stringify(file);
  });
}

/** A file of a model, and the name it is stored under. */
export interface IndexedFile {
  readonly path: string;
  readonly file: FileMetadata;
  readonly key: string;
}

/** All files of the record's listings, oldest listing first. */
export async function storedFilesOf({
  source,
  listings,
}: ModelRecord): Promise<IndexedFile[]> {
  const files: Promise<IndexedFile>[] = [];
  for (const { files: listed, commit } of listings) {
    for (const [path, file] of Object.entries(listed)) {
      if (file === null) continue;
      files.push(
        fileKey(source, path, file, commit).then((key) => ({
          path,
          file,
          key,
        })),
      );
    }
  }
  return Promise.all(files);
}

/** The name a file is stored under: by its hash, or else its URL and version. */
export async function fileKey(
  source: RemoteSource,
  path: string,
  { sha256: hash, blob, bytes, version }: FileMetadata,
  commit: string | undefined,
): Promise<string> {
  const size = bytes ?? "unknown";
  if (hash !== undefined) return `sha256-${hash}-${size}`;
  if (blob !== undefined) return `git-${blob}-${size}`;
  const url = urlOf(source, path, commit);
  return `url-${await sha256(`${url} ${version ?? ""}`)}-${size}`;
}
