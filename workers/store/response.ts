import type { VlmError } from "../../src/shared/errors";
import { corrupt, missing } from "../util/file-errors";
import { hasCode, refused } from "./errors";
import { fileMetadata, hex, type FileMetadata } from "./listing";
import { request, retry, TransientError, type Net } from "./request";

/** Where a file of a model is. */
export interface FileLocation {
  readonly path: string;
  readonly url: string;
  /** The model, hub or folder, for error messages. */
  readonly place: string;
}

/** A file's metadata in the headers of its response. */
export interface FileHead {
  readonly file: FileMetadata;
  readonly commit: string | undefined;
}

export function isHtml({ headers }: Response): boolean {
  return headers.get("content-type")?.includes("text/html") === true;
}

/** The error that a response's status and type stand for, if any. */
export function responseError(
  { path, url, place }: FileLocation,
  response: Response,
): VlmError | TransientError | undefined {
  const { status } = response;
  // Servers of single-page apps answer with their page for a missing file.
  const isPage = response.ok && isHtml(response);
  if (status === 404 || status === 410 || isPage) return missing(path, place);
  if (status === 401 || status === 403) {
    return refused(path, new URL(url).host, status);
  }
  if (status === 416) {
    return corrupt(
      path,
      "the server's copy is shorter than the file list says",
    );
  }
  if (response.ok) return undefined;
  return new TransientError("bad-answer", `the server answered HTTP ${status}`);
}

/** ETag or date of the file's version, as far as CORS exposes them. */
function versionOf(headers: Headers): string | undefined {
  // Compression makes an ETag weak or marks it.
  const etag = headers.get("etag")?.replace(/^W\/|-gzip(?="$)/g, "");
  return etag ?? headers.get("last-modified") ?? undefined;
}

/**
 * Offset in the file at which the body of a response to `bytes={from}-…` begins.
 * @throws `model-corrupt` if it is another version of the file
 */
export function bodyStart(
  { path }: FileLocation,
  file: FileMetadata,
  response: Response,
  from: number,
): number {
  const { status, headers } = response;
  const version = versionOf(headers);
  const hashed = file.sha256 !== undefined || file.blob !== undefined;
  // ETags may differ from mirror to mirror; a hash is verified instead.
  if (!hashed && version !== file.version && version !== undefined) {
    throw corrupt(path, "it changed on the server during the download");
  }
  if (status !== 206) return 0;
  // CORS may hide this header.
  const range = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(
    headers.get("content-range") ?? "",
  );
  if (range === null) return from;
  const [, start, total] = range;
  if (total !== "*" && Number(total) !== file.bytes) {
    throw corrupt(
      path,
      `the server's copy has ${total} bytes, not ${file.bytes}`,
    );
  }
  if (Number(start) !== from) {
    throw new TransientError("bad-answer", "the server sent a different range");
  }
  return from;
}

/**
 * Requests a file's metadata; undefined if the file does not exist. With
 * `lenient`, 401 and 403 count as missing: object stores answer 403 for it.
 */
export async function requestHead(
  net: Net,
  location: FileLocation,
  lenient: boolean,
  signal: AbortSignal,
): Promise<FileHead | undefined> {
  const { path, url } = location;
  const target = { net, subject: path, url, signal };
  const send = (method: "HEAD" | "GET"): Promise<FileHead | undefined> =>
    // With a range the response is not compressed: its length is the file's.
    request(
      target,
      {
        method,
        headers: { range: method === "HEAD" ? "bytes=0-" : "bytes=0-0" },
      },
      (response) =>
        Promise.resolve(readHead(location, response, method, lenient)),
    );
  try {
    return await retry(
      target,
      async () => (await send("HEAD")) ?? (await send("GET")),
    );
  } catch (error) {
    if (hasCode(error, "model-file-missing")) return undefined;
    throw error;
  }
}

/** Undefined if the server does not support the method. */
function readHead(
  location: FileLocation,
  response: Response,
  method: "HEAD" | "GET",
  lenient: boolean,
): FileHead | undefined {
  const { status, headers } = response;
  const unsupported = status === 405 || status === 416 || status === 501;
  if (method === "HEAD" && unsupported) return undefined;
  if (lenient && (status === 401 || status === 403)) {
    throw missing(location.path, location.place);
  }
  // An empty file has no range.
  const failure =
    status === 416 ? undefined : responseError(location, response);
  if (failure !== undefined) throw failure;
  const unquoted = (name: string) =>
    headers.get(name)?.replace(/^W\//, "").replaceAll('"', "");
  const commit = hex(headers.get("x-repo-commit"), 40);
  // An ETag is known to be a hash only on a hub.
  const etag =
    unquoted("x-linked-etag") ??
    (commit === undefined ? undefined : unquoted("etag"));
  const [sha256, blob] = [hex(etag, 64), hex(etag, 40)];
  const hashed = sha256 !== undefined || blob !== undefined;
  const bytes =
    integer(headers.get("x-linked-size")) ?? sizeOf(status, headers, method);
  const version = hashed ? undefined : versionOf(headers);
  return { commit, file: fileMetadata({ bytes, sha256, blob, version }) };
}

function sizeOf(status: number, headers: Headers, method: string) {
  if (status === 416) return 0;
  const total = /\/(\d+)$/.exec(headers.get("content-range") ?? "")?.[1];
  if (total !== undefined) return Number(total);
  const partial = status === 206 && method === "GET";
  if (partial || headers.has("content-encoding")) return undefined;
  return integer(headers.get("content-length"));
}

function integer(text: string | null): number | undefined {
  return text !== null && /^\d+$/.test(text) ? Number(text) : undefined;
}
