import { sha256 } from "hash-wasm";
import type { ModelSource } from "../../src/shared/models";
import { missing, parseJson } from "../util/file-errors";
import { failed, refused } from "./errors";
import { readHubListing, readManifest, type Listing } from "./listing";
import { request, type HttpResponse, type RequestTarget } from "./request";
import { expiredRedirect, noBytes, requestHead } from "./response";

export type RemoteSource = Exclude<ModelSource, { kind: "folder" }>;
type HubSource = Extract<ModelSource, { kind: "hub" }>;
type UrlSource = Extract<ModelSource, { kind: "url" }>;

/** How a listing is requested. */
type ListingRequest = Omit<RequestTarget, "url" | "subject">;

const encodePath = (path: string) =>
  path.split("/").map(encodeURIComponent).join("/");

/** A display name, until the listing has one. */
function nameOf(source: RemoteSource): string {
  if (source.kind === "hub") return source.id;
  const { pathname, host } = new URL(source.url);
  const last = pathname.split("/").findLast((part) => part !== "");
  return last === undefined ? host : decodeURIComponent(last);
}

/** A readable key, unique to the source. */
export async function modelKey(source: RemoteSource): Promise<string> {
  const identity =
    source.kind === "hub"
      ? `${source.endpoint} ${source.id} ${source.revision}`
      : source.url;
  const slug = nameOf(source)
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "")
    .slice(0, 40);
  return `${slug}-${(await sha256(identity)).slice(0, 16)}`;
}

/** URL of a file; on a hub at `commit`, or else at the source's revision. */
export function urlOf(
  source: RemoteSource,
  path: string,
  commit: string | undefined,
): string {
  if (source.kind === "url") return new URL(encodePath(path), source.url).href;
  const { endpoint, id, revision } = source;
  const at = encodeURIComponent(commit ?? revision);
  return `${endpoint}/${encodePath(id)}/resolve/${at}/${encodePath(path)}`;
}

/** Requests the current list of a model's files. */
export function requestListing(
  source: RemoteSource,
  options: ListingRequest,
): Promise<Listing> {
  return source.kind === "hub"
    ? requestHubListing(source, options)
    : requestManifest(source, options);
}

async function requestHubListing(
  source: HubSource,
  options: ListingRequest,
): Promise<Listing> {
  const { endpoint, id, revision } = source;
  const at = encodeURIComponent(revision);
  const url = `${endpoint}/api/models/${encodePath(id)}/revision/${at}?blobs=true`;
  const subject = `The file list of ${id}`;
  const { host } = new URL(url);
  const target = { ...options, subject, url };
  const { kind, status, headers, text } = await requestText(target);
  const code = headers.get("x-error-code");
  // The hub does not tell whether a model is private or does not exist.
  if (code === "RepoNotFound") throw missing(`public model ${id}`, host);
  if (kind === "refused") throw refused(id, host, status);
  // A hub with an API that lacks this revision.
  if (kind === "missing" && code !== null) {
    throw missing(`model ${id} at ${revision}`, host);
  }
  const page = `${endpoint}/${encodePath(id)}/blob/${at}/`;
  const listing = readHubListing(tryParse(text), id, page);
  if (listing !== undefined) return listing;

  // A mirror of the hub without its API.
  const path = "config.json";
  const location = { path, url: urlOf(source, path, undefined), place: id };
  const { net, signal } = options;
  const head = await requestHead(net, location, false, signal);
  if (head === undefined) {
    // Networks with a login page answer every request with it.
    throw kind === "page"
      ? failed(subject, host, "the response is an HTML page")
      : missing(path, id);
  }
  const { commit, file } = head;
  return {
    name: id,
    complete: false,
    files: { [path]: file },
    ...(commit !== undefined && { commit }),
  };
}

async function requestManifest(
  source: UrlSource,
  options: ListingRequest,
): Promise<Listing> {
  const subject = "manifest.json";
  const url = new URL(subject, source.url).href;
  const { text } = await requestText({ ...options, subject, url });
  const name = nameOf(source);
  const listing =
    text === undefined
      ? undefined
      : readManifest(parseJson(subject, text), name, source.url);
  return listing ?? { name, complete: false, files: {} };
}

function tryParse(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : (JSON.parse(text) as unknown);
  } catch {
    return undefined;
  }
}

/** With the body as text if it is a file. */
function requestText(
  target: RequestTarget,
): Promise<HttpResponse & { readonly text?: string }> {
  return request(
    target,
    () => ({}),
    async (response) => {
      if (response.kind === "expired") throw expiredRedirect(response.status);
      if (response.kind !== "content") return response;
      const decoder = new TextDecoder();
      let text = "";
      for await (const chunk of response.chunks) {
        text += decoder.decode(chunk, { stream: true });
      }
      text += decoder.decode();
      if (text === "") throw noBytes();
      return { ...response, text };
    },
  );
}
