import { corrupt, missing } from "../util/file-errors";
import { failed, refused } from "./errors";
import { fileMetadata, hex, type FileMetadata } from "./listing";
import {
  request,
  TransientError,
  type HttpResponse,
  type Net,
} from "./request";

/** Where a file of a model is. */
export interface FileLocation {
  readonly path: string;
  readonly url: string;
  /** The model, hub or folder, for error messages. */
  readonly place: string;
}

/** A file's metadata in the headers of its response. */
interface FileHead {
  readonly file: FileMetadata;
  readonly commit: string | undefined;
}

/** @throws unless the response has bytes of the file */
export function checkResponse(
  { path, url, place }: FileLocation,
  { kind, status }: HttpResponse,
): void {
  switch (kind) {
    case "content":
      return;
    case "page":
    case "missing":
      throw missing(path, place);
    case "refused":
      throw refused(path, new URL(url).host, status);
    case "expired":
      throw expiredRedirect(status);
    case "bad-range":
      throw corrupt(
        path,
        "the server's copy is shorter than the file list says",
      );
    case "bad-method":
      throw failed(
        path,
        new URL(url).host,
        `the server answered HTTP ${status}`,
      );
  }
}

/** A CDN may answer 206 without a body. */
export function noBytes(): TransientError {
  return new TransientError("bad-answer", "the server sent no bytes");
}

export function expiredRedirect(status: number): TransientError {
  const why = `the server that it redirects to answered HTTP ${status}`;
  return new TransientError("bad-answer", why);
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
  { status, headers }: HttpResponse,
  from: number,
): number {
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
  const read = (method: "HEAD" | "GET") => {
    // With a range the response is not compressed: its length is the file's.
    const headers = { range: method === "HEAD" ? "bytes=0-" : "bytes=0-0" };
    return request(
      target,
      () => ({ method, headers }),
      (response): FileHead | "unsupported" | undefined => {
        const { kind } = response;
        if (kind === "missing" || kind === "page") return undefined;
        const rejected = ["bad-range", "bad-method", "expired"].includes(kind);
        // A signed URL may be valid for one method only.
        if (method === "HEAD" && rejected) return "unsupported";
        if (lenient && (kind === "refused" || kind === "expired")) {
          return undefined;
        }
        // An empty file has no range.
        if (kind !== "bad-range") checkResponse(location, response);
        return readHead(response, method);
      },
    );
  };
  let head = await read("HEAD");
  if (head === "unsupported") head = await read("GET");
  return head === "unsupported" ? undefined : head;
}

function readHead(
  { kind, status, headers }: HttpResponse,
  method: "HEAD" | "GET",
): FileHead {
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
    integer(headers.get("x-linked-size")) ??
    (kind === "bad-range" ? 0 : sizeOf(status, headers, method));
  const version = hashed ? undefined : versionOf(headers);
  return { commit, file: fileMetadata({ bytes, sha256, blob, version }) };
}

function sizeOf(status: number, headers: Headers, method: string) {
  const total = /\/(\d+)$/.exec(headers.get("content-range") ?? "")?.[1];
  if (total !== undefined) return Number(total);
  const partial = status === 206 && method === "GET";
  if (partial || headers.has("content-encoding")) return undefined;
  return integer(headers.get("content-length"));
}

function integer(text: string | null): number | undefined {
  return text !== null && /^\d+$/.test(text) ? Number(text) : undefined;
}
