import { sha256 } from "hash-wasm";
import type { ModelSource } from "../../src/shared/models";
import { missing, parseJson } from "../util/file-errors";
import { failed, refused } from "./errors";
import { requestHead } from "./head-request";
import { readHubListing, readManifest, type Listing } from "./listing";
import { isPage } from "./response";
import { chunksOf, exchange, persevere, type Net } from "./request";

export type RemoteSource = Exclude<ModelSource, { kind: "folder" }>;
type HubSource = Extract<ModelSource, { kind: "hub" }>;
type UrlSource = Extract<ModelSource, { kind: "url" }>;

const encodePath = (path: string) =>
  path.split("/").map(encodeURIComponent).join("/");

/** A model's name for people, until its own is known. */
function nameOf(source: RemoteSource): string {
  if (source.kind === "hub") return source.id;
  const { pathname, host } = new URL(source.url);
  const last = pathname.split("/").findLast((part) => part !== "");
  return last === undefined ? host : decodeURIComponent(last);
}

/** A name for files on disk: readable, and another one for each source. */
export async function keyOf(source: RemoteSource): Promise<string> {
  const whole =
    source.kind === "hub"
      ? `${source.endpoint} ${source.id} ${source.revision}`
      : source.url;
  const slug = nameOf(source)
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "")
    .slice(0, 40);
  return `${slug}-${(await sha256(whole)).slice(0, 16)}`;
}

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

/** What is in a model's folder now. With `hasty` it gives up soon. */
export function listFiles(
  net: Net,
  source: RemoteSource,
  signal: AbortSignal,
  hasty: boolean,
): Promise<Listing> {
  return source.kind === "hub"
    ? listHub(net, source, signal, hasty)
    : listFolder(net, source, signal, hasty);
}

async function listHub(
  net: Net,
  source: HubSource,
  signal: AbortSignal,
  hasty: boolean,
): Promise<Listing> {
  const { endpoint, id, revision } = source;
  const at = encodeURIComponent(revision);
  const url = `${endpoint}/api/models/${encodePath(id)}/revision/${at}?blobs=true`;
  const subject = `The list of ${id}'s files`;
  const { host } = new URL(url);
  let page = false;
  const text = await readText(net, subject, url, signal, hasty, (response) => {
    const { status, headers } = response;
    page = response.ok && isPage(response);
    if (status === 401 || status === 403) throw refused(id, host, status);
    // A hub that has an API, but not this model or revision.
    const code = headers.get("x-error-code");
    if (status === 404 && code !== null) {
      throw missing(`model ${id} at ${revision}`, host);
    }
  });
  const home = `${endpoint}/${encodePath(id)}/blob/${at}/`;
  const listing = readHubListing(json(text), id, home);
  if (listing !== undefined) return listing;

  // A mirror of the hub that has its files only.
  const path = "config.json";
  const remote = { path, url: urlOf(source, path, undefined), place: id };
  const head = await requestHead(net, remote, false, signal);
  if (head === undefined) {
    // Networks that want a log-in first answer everything with their page.
    throw page
      ? failed(subject, host, "a page comes instead")
      : missing(path, id);
  }
  const { commit, fact } = head;
  return {
    name: id,
    whole: false,
    files: { [path]: fact },
    ...(commit !== undefined && { commit }),
  };
}

async function listFolder(
  net: Net,
  source: UrlSource,
  signal: AbortSignal,
  hasty: boolean,
): Promise<Listing> {
  const url = new URL("manifest.json", source.url).href;
  const subject = "manifest.json";
  const text = await readText(net, subject, url, signal, hasty);
  const name = nameOf(source);
  if (text === undefined) return { name, whole: false, files: {} };
  const value = parseJson(subject, text);
  return (
    readManifest(value, name, source.url) ?? { name, whole: false, files: {} }
  );
}

function json(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : (JSON.parse(text) as unknown);
  } catch {
    return undefined;
  }
}

/** Undefined if there is no such file, or a page instead of it. */
function readText(
  net: Net,
  subject: string,
  url: string,
  signal: AbortSignal,
  hasty: boolean,
  check: (response: Response) => void = () => undefined,
): Promise<string | undefined> {
  const errand = { net, subject, url, signal, hasty };
  const read = async (response: Response, alive: () => void) => {
    check(response);
    if (!response.ok || isPage(response)) return undefined;
    const decoder = new TextDecoder();
    let text = "";
    for await (const chunk of chunksOf(response, alive)) {
      text += decoder.decode(chunk, { stream: true });
    }
    return text + decoder.decode();
  };
  return persevere(errand, () => exchange(net, url, {}, signal, read, hasty));
}
