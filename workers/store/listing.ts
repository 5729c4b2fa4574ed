import type { License } from "../../src/shared/models";
import { VlmError } from "../../src/shared/errors";
import { corrupt } from "../util/file-errors";

/** What is on record about a file. */
export interface Fact {
  /** Absent if the server does not tell. */
  readonly bytes?: number;
  readonly sha256?: string;
  /** Git's hash of a small file: hex SHA-1 of `blob {size}\0` and the file. */
  readonly blob?: string;
  /** ETag or date of a file without a hash. */
  readonly version?: string;
}

/** The files of a model at one time. */
export interface Listing {
  readonly name: string;
  readonly commit?: string;
  readonly license?: License;
  /** There are no other files; else each is asked for. */
  readonly whole: boolean;
  /** Null: asked for, and not there. */
  readonly files: Readonly<Record<string, Fact | null>>;
}

/** Undefined if it is not there, or nobody asked. */
export function factOf(
  listing: Listing | undefined,
  path: string,
): Fact | undefined {
  if (listing === undefined) return undefined;
  // Names come from others: one may be that of a method.
  const fact = Object.hasOwn(listing.files, path) ? listing.files[path] : null;
  return fact ?? undefined;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const text = (value: unknown): string | undefined =>
  typeof value === "string" && value !== "" ? value : undefined;

const size = (value: unknown): number | undefined =>
  Number.isSafeInteger(value) && (value as number) >= 0
    ? (value as number)
    : undefined;

/** Lower case hex of so many digits. */
export function hex(value: unknown, digits: number): string | undefined {
  const lower = text(value)?.toLowerCase();
  return lower?.length === digits && /^[0-9a-f]+$/.test(lower)
    ? lower
    : undefined;
}

/** A fact without the fields that nobody told. */
export function fact(fields: {
  readonly [K in keyof Fact]: Fact[K] | undefined;
}): Fact {
  const told = Object.entries(fields).filter(
    ([, value]) => value !== undefined,
  );
  return Object.fromEntries(told);
}

/** `/api/models/{id}/revision/{revision}?blobs=true` of a hub. Undefined if
 * this is something else. */
export function readHubListing(
  json: unknown,
  id: string,
  page: string,
): Listing | undefined {
  if (!isObject(json) || !Array.isArray(json["siblings"])) return undefined;
  const files: [path: string, Fact][] = [];
  for (const sibling of json["siblings"] as unknown[]) {
    if (!isObject(sibling)) return undefined;
    const path = text(sibling["rfilename"]);
    if (path === undefined) return undefined;
    const lfs = isObject(sibling["lfs"]) ? sibling["lfs"] : undefined;
    const told = fact({
      bytes: size(lfs?.["size"]) ?? size(sibling["size"]),
      sha256: hex(lfs?.["sha256"], 64),
      blob: lfs === undefined ? hex(sibling["blobId"], 40) : undefined,
    });
    files.push([path, told]);
  }
  const commit = hex(json["sha"], 40);
  const license = readCard(json["cardData"], page);
  return {
    name: text(json["id"]) ?? id,
    whole: true,
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

/** manifest.json of a model's folder. Undefined if it is another thing, such as
 * the manifest of a web app. */
export function readManifest(
  json: unknown,
  name: string,
  base: string,
): Listing | undefined {
  if (!isObject(json) || !isObject(json["files"])) return undefined;
  if (json["version"] !== 1) {
    throw new VlmError(
      "model-mismatch",
      `The manifest.json of ${name} is of version ${JSON.stringify(json["version"])}; this page reads version 1.`,
      "Use a newer page, or export the model with this version's tools.",
    );
  }
  const files: [path: string, Fact][] = [];
  for (const [path, value] of Object.entries(json["files"])) {
    const entry = isObject(value) ? value : {};
    const [bytes, sha256] = [size(entry["bytes"]), hex(entry["sha256"], 64)];
    if (bytes === undefined || sha256 === undefined) {
      throw corrupt("manifest.json", `it has no size or hash of ${path}`);
    }
    files.push([path, { bytes, sha256 }]);
  }
  const given = isObject(json["license"]) ? json["license"] : {};
  const id = text(given["id"]);
  return {
    name: text(json["name"]) ?? name,
    whole: true,
    files: Object.fromEntries(files),
    ...(id !== undefined && {
      license: license(id, text(given["name"]) ?? id, given["url"], base),
    }),
  };
}
