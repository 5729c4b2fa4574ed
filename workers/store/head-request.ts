import { missing } from "../util/file-errors";
import { isCode } from "./errors";
import { fact, hex, type Fact } from "./listing";
import { refusal, versionOf, type Remote } from "./response";
import { exchange, persevere, type Net } from "./request";

/** What a server tells about one file. */
export interface Head {
  readonly fact: Fact;
  readonly commit: string | undefined;
}

/**
 * Asks a server about a file; undefined if it has none. With `lenient` one that
 * it refuses counts as none: stores of objects say 403 for what is not there.
 */
export async function requestHead(
  net: Net,
  remote: Omit<Remote, "fact">,
  lenient: boolean,
  signal: AbortSignal,
): Promise<Head | undefined> {
  const { path, url } = remote;
  const attempt = () =>
    // A range, so that the answer is not compressed: its length is the file's.
    request(net, remote, "HEAD", lenient, signal).then(
      (head) => head ?? request(net, remote, "GET", lenient, signal),
    );
  try {
    return await persevere({ net, subject: path, url, signal }, attempt);
  } catch (error) {
    if (isCode(error, "model-file-missing")) return undefined;
    throw error;
  }
}

/** Undefined if it does not answer that method. */
function request(
  net: Net,
  remote: Omit<Remote, "fact">,
  method: "HEAD" | "GET",
  lenient: boolean,
  signal: AbortSignal,
): Promise<Head | undefined> {
  const range = method === "HEAD" ? "bytes=0-" : "bytes=0-0";
  const init = { method, headers: { range } };
  return exchange(net, remote.url, init, signal, (response) => {
    const { status } = response;
    const unknown = status === 405 || status === 416 || status === 501;
    if (method === "HEAD" && unknown) return Promise.resolve(undefined);
    if (lenient && (status === 401 || status === 403)) {
      throw missing(remote.path, remote.place);
    }
    // Of an empty file no range can be had.
    const failure = status === 416 ? undefined : refusal(remote, response);
    if (failure !== undefined) throw failure;
    return Promise.resolve(read(response, method));
  });
}

function read({ status, headers }: Response, method: string): Head {
  const unquoted = (name: string) =>
    headers.get(name)?.replace(/^W\//, "").replaceAll('"', "");
  const commit = hex(headers.get("x-repo-commit"), 40);
  const linked = unquoted("x-linked-etag");
  // Only a hub's tags are known to be hashes.
  const tag = linked ?? (commit === undefined ? undefined : unquoted("etag"));
  const sha256 = hex(tag, 64);
  const blob = hex(tag, 40);
  const hashed = sha256 !== undefined || blob !== undefined;
  return {
    commit,
    fact: fact({
      bytes:
        count(headers.get("x-linked-size")) ?? sizeOf(status, headers, method),
      sha256,
      blob,
      version: hashed ? undefined : versionOf(headers),
    }),
  };
}

function sizeOf(status: number, headers: Headers, method: string) {
  if (status === 416) return 0;
  const total = /\/(\d+)$/.exec(headers.get("content-range") ?? "")?.[1];
  if (total !== undefined) return Number(total);
  const part = status === 206 && method === "GET";
  if (part || headers.has("content-encoding")) return undefined;
  return count(headers.get("content-length"));
}

function count(text: string | null): number | undefined {
  return text !== null && /^\d+$/.test(text) ? Number(text) : undefined;
}
