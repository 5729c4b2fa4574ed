import type { License, ModelFile } from "../../src/shared/models";
import { VlmError } from "../../src/shared/errors";
import { isObject } from "../../src/shared/options";
import { corrupt } from "../util/file-errors";

/** A file as its server describes it. */
export interface FileMetadata {
  /** Absent if the server does not send it. */
  readonly bytes?: number;
  readonly sha256?: string;
  /** Git's hash of a small file: hex SHA-1 of `blob {size}\\0` and the bytes. */
  readonly blob?: string;
  /** ETag or Last-Modified of a file without a hash. */
  readonly version?: string;
}

/** The files of a model at one time. */
export interface Listing {
  readonly name: string;
  readonly commit?: string;
  readonly license?: License;
  /** False if the server has no list: then each file is requested to find out. */
  readonly complete: boolean;
  /** Null for a file that was requested and does not exist. */
  readonly files: Readonly<Record<string, FileMetadata | null>>;
}

/** Undefined if the file does not exist or was not requested. */
export function findFile(
  listing: Listing | undefined,
  path: string,
): FileMetadata | undefined {
  if (listing === undefined) return undefined;
  // A file may be named like a method of Object.
  const file = Object.hasOwn(listing.files, path) ? listing.files[path] : null;
  return file ?? undefined;
}

/** A file as the protocol reports it, of which `kept` bytes are on the disk. */
export function modelFile(
  path: string,
  { bytes, sha256 }: FileMetadata,
  kept: number,
): ModelFile {
  const size = bytes ?? kept;
  return { path, bytes: size, kept, ...(sha256 !== undefined && { sha256 }) };
}

const text = (value: unknown): string | undefined =>
  typeof value === "string" && value !== "" ? value : undefined;

const size = (value: unknown): number | undefined =>
  Number.isSafeInteger(value) && (value as number) >= 0
    ? (value as number)
    : undefined;

/** Lower-case hex with this many digits; undefined for anything else. */
export function hex(value: unknown, digits: number): string | undefined {
  const lower = text(value)?.toLowerCase();
  return lower?.length === digits && /^[0-9a-f]+$/.test(lower)
    ? lower
    : undefined;
}

/** Metadata without the undefined fields. */
export function fileMetadata(fields: {
  readonly [K in keyof FileMetadata]: FileMetadata[K] | undefined;
}): FileMetadata {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined),
  );
}

/**
 * Parses a hub's answer to `/api/models/{id}/revision/{revision}?blobs=true`;
 * undefined if it is something else.
 */
export function readHubListing(
  json: unknown,
  id: string,
  page: string,
): Listing | undefined {
  if (!isObject(json) || !Array.isArray(json["siblings"])) return undefined;
  const files: [path: string, FileMetadata][] = [];
  for (const sibling of json["siblings"] as unknown[]) {
    if (!isObject(sibling)) return undefined;
    const path = text(sibling["rfilename"]);
    if (path === undefined) return undefined;
    const lfs = isObject(sibling["lfs"]) ? sibling["lfs"] : undefined;
    const file = fileMetadata({
      bytes: size(lfs?.["size"]) ?? size(sibling["size"]),
      sha256: hex(lfs?.["sha256"], 64),
      blob: lfs === undefined ? hex(sibling["blobId"], 40) : undefined,
    });
    files.push([path, file]);
  }
  const commit = hex(json["sha"], 40);
  const license = readCard(json["cardData"], page);
  return {
    name: text(json["id"]) ?? id,
    complete: true,
    files: Object.fromEntries(files),
    ...(commit !== undefined && { commit }),
    ...(license !== undefined && { license }),
  };
}

function readCard(card: unknown, page: string): License | undefined {
  if (!isObject(card)) return undefined;
  const given = text(card["license"]);
  const name = text(card["license_name"]);
  const id = given === undefined || given === "other" ? name : given;
  if (id === undefined) return undefined;
  return license(id, name ?? id, card["license_link"], page);
}

function license(id: string, name: string, link: unknown, base: string) {
  const href = text(link);
  const url = href === undefined ? null : URL.parse(href, base);
  const web = url?.protocol === "https:" || url?.protocol === "http:";
  return { id, name, ...(web && { url: url.href }) };
}

/** Parses the manifest.json of a model's folder; undefined if it is another kind
 * of manifest, such as that of a web app. */
export function readManifest(
  json: unknown,
  name: string,
  base: string,
): Listing | undefined {
  if (!isObject(json) || !isObject(json["files"])) return undefined;
  if (json["version"] !== 1) {
    throw new VlmError(
      "model-mismatch",
      `manifest.json of ${name} has version ${JSON.stringify(json["version"])}; this page supports version 1.`,
      "Update fast-vlm, or export the model again with this version's tools.",
    );
  }
  const files: [path: string, FileMetadata][] = [];
  for (const [path, value] of Object.entries(json["files"])) {
    const entry = isObject(value) ? value : {};
    const [bytes, sha256] = [size(entry["bytes"]), hex(entry["sha256"], 64)];
    if (bytes === undefined || sha256 === undefined) {
      throw corrupt("manifest.json", `it has no size or hash for ${path}`);
    }
    files.push([path, { bytes, sha256 }]);
  }
  const given = isObject(json["license"]) ? json["license"] : {};
  const id = text(given["id"]);
  return {
    name: text(json["name"]) ?? name,
    complete: true,
    files: Object.fromEntries(files),
    ...(id !== undefined && {
      license: license(id, text(given["name"]) ?? id, given["url"], base),
    }),
  };
}
