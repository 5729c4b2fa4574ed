import type { VlmError } from "../../src/shared/errors";
import { corrupt, missing } from "../util/file-errors";
import { refused } from "./errors";
import type { Fact } from "./listing";
import { Trouble } from "./request";

/** A file of a model and where it is to be had. */
export interface Remote {
  readonly path: string;
  readonly url: string;
  /** The model, hub or folder, in words. */
  readonly place: string;
  readonly fact: Fact;
}

export function isPage({ headers }: Response): boolean {
  return headers.get("content-type")?.includes("text/html") === true;
}

/** The failure that an answer's head is, if it is one. */
export function refusal(
  { path, url, place }: Pick<Remote, "path" | "url" | "place">,
  response: Response,
): VlmError | Trouble | undefined {
  const { status } = response;
  // Servers of single-page apps answer a missing file with their page.
  const page = response.ok && isPage(response);
  if (status === 404 || status === 410 || page) {
    return missing(path, place);
  }
  if (status === 401 || status === 403) {
    return refused(path, new URL(url).host, status);
  }
  if (status === 416) {
    return corrupt(path, "its server has fewer bytes than are on record");
  }
  if (response.ok) return undefined;
  return new Trouble("refused", `it answers HTTP ${status}`);
}

/** What tells one version of a file from the next, as far as we may see it. */
export function versionOf(headers: Headers): string | undefined {
  // Compression on the way makes a tag weak or marks it.
  const etag = headers.get("etag")?.replace(/^W\/|-gzip(?="$)/g, "");
  return etag ?? headers.get("last-modified") ?? undefined;
}

/**
 * Where the body of an answer to `bytes=from-…` begins in the file.
 * @throws if it is of another file than the one on record
 */
export function bodyStart(
  { path, fact }: Remote,
  response: Response,
  from: number,
): number {
  const { status, headers } = response;
  const version = versionOf(headers);
  const hashed = fact.sha256 !== undefined || fact.blob !== undefined;
  // Where there is a hash it decides; tags may differ from server to server.
  if (!hashed && version !== fact.version && version !== undefined) {
    throw corrupt(path, "it changed on its server in the meantime");
  }
  if (status !== 206) return 0;
  // Other sites may hide this header from us.
  const range = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(
    headers.get("content-range") ?? "",
  );
  if (range === null) return from;
  const [, start, total] = range;
  if (total !== "*" && Number(total) !== fact.bytes) {
    throw corrupt(path, `its server has ${total} bytes, not ${fact.bytes}`);
  }
  if (Number(start) !== from) {
    throw new Trouble("refused", "it answers with other bytes than asked for");
  }
  return from;
}
