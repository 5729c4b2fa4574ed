import { VlmError } from "../shared/errors";
import type { ModelSource } from "../shared/models";
import { converter, registry, type RegistryEntry } from "./registry";

export const officialHub = "https://huggingface.co";

/** Addresses that people copy for the same place. */
const officialHosts = ["huggingface.co", "www.huggingface.co", "hf.co"];

const accepted = `Give a name (${registry.map(({ name }) => name).join(", ")}), an id on the hub (owner/name or owner/name@revision), or the address of a model's folder.`;

const part = "(?!\\.)[\\w.-]+";
const hubId = new RegExp(`^(${part}/${part})(?:@([^\\s@?#]+))?$`);

/**
 * What a person or a page calls a model, as the place of its files. `hub` is
 * the endpoint of another hub than the official one; `modelBase` where
 * `models/NAME/` of the carried ones is, if not beside the page.
 */
export function resolveModel(
  model: string,
  hub = "",
  modelBase = "",
): ModelSource {
  const given = model.trim();
  const endpoint = readEndpoint(hub);
  if (given === "") throw bad("No model is named.");
  const entry = registry.find(({ name }) => name === given.toLowerCase());
  if (entry) return fromRegistry(entry, endpoint, modelBase);
  const [, id, revision = "main"] = hubId.exec(given) ?? [];
  if (id !== undefined) return { kind: "hub", endpoint, id, revision };
  if (!/[/:]/.test(given)) throw bad(`There is no model named “${given}”.`);
  return fromAddress(given, endpoint);
}

function fromRegistry(
  { name, title, carried, hub, checkpoint = "" }: RegistryEntry,
  endpoint: string,
  modelBase: string,
): ModelSource {
  if (carried) return { kind: "url", url: carriedUrl(name, modelBase) };
  if (hub) return { kind: "hub", endpoint, id: hub, revision: "main" };
  throw new VlmError(
    "unsupported",
    `Nobody publishes ${title} as ONNX, which a browser could load.`,
    `Convert its checkpoint ${checkpoint} with “${converter}” and open the folder that makes, or load fastvlm-0.5b.`,
  );
}

/** A model that came with the page. */
export function isCarried(source: ModelSource, modelBase = ""): boolean {
  return registry.some(
    ({ name, carried }) =>
      carried &&
      source.kind === "url" &&
      source.url === carriedUrl(name, modelBase),
  );
}

function carriedUrl(name: string, modelBase: string): string {
  const folder = modelBase ? folderAddress(modelBase) : webAddress(base());
  if (folder) return new URL(`models/${name}/`, folder).href;
  throw noFolder(modelBase, `models/${name}/ is.`);
}

/** Of a folder on a server, with a trailing slash; undefined if it is none. */
export function folderAddress(text: string): URL | undefined {
  return webAddress(text.replace(/\/*$/, "/"));
}

export function noFolder(text: string, what: string): VlmError {
  return new VlmError(
    "bad-option",
    `“${text}” is no address of a folder.`,
    `Give the one in which ${what}`,
  );
}

function fromAddress(given: string, endpoint: string): ModelSource {
  if (!URL.canParse(given, base())) {
    throw bad(`“${given}” is no address of a model.`);
  }
  const url = new URL(given, base());
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw bad(`A model cannot be loaded from “${url.protocol}”.`);
  }
  if (url.search) {
    throw bad(`“${given}” asks a question, which a folder cannot answer.`);
  }
  url.hash = "";
  const id = officialHosts.includes(url.host)
    ? onHub(url.pathname, officialHub, given)
    : undefined;
  if (id) return id;
  if (url.href.startsWith(`${endpoint}/`)) {
    const path = url.href.slice(endpoint.length);
    const found = onHub(path, endpoint, given);
    if (found) return found;
  }
  return { kind: "url", url: url.href.replace(/\/?$/, "/") };
}

/** `/{owner}/{name}`, alone or with `/tree/{revision}` and the like. */
function onHub(
  path: string,
  endpoint: string,
  given: string,
): ModelSource | undefined {
  const [owner, name, verb, ...rest] = path.split("/").filter(Boolean);
  const id = `${owner ?? ""}/${name ?? ""}`;
  if (!hubId.test(id)) return undefined;
  if (verb === undefined) {
    return { kind: "hub", endpoint, id, revision: "main" };
  }
  const [first = "", ...below] = rest;
  const revision = decodeURIComponent(first);
  if (!["tree", "resolve", "blob"].includes(verb) || !revision)
    return undefined;
  // Pull requests are revisions of three segments: refs/pr/1.
  const whole = revision === "refs" ? [revision, ...below] : [revision];
  if (revision === "refs" ? below.length !== 2 : below.length > 0) {
    throw bad(`“${given}” is a part of a model, not the whole.`);
  }
  return { kind: "hub", endpoint, id, revision: whole.join("/") };
}

function readEndpoint(hub: string): string {
  if (!hub) return officialHub;
  const url = webAddress(hub);
  if (!url) {
    throw new VlmError(
      "bad-option",
      `“${hub}” is no address of a hub.`,
      `Give one like ${officialHub}.`,
    );
  }
  return (url.origin + url.pathname).replace(/\/+$/, "");
}

function webAddress(text: string): URL | undefined {
  if (!URL.canParse(text, base())) return undefined;
  const url = new URL(text, base());
  return /^https?:$/.test(url.protocol) ? url : undefined;
}

/** What relative addresses are relative to: the worker's own is another. */
const base = (): string => document.baseURI;

function bad(message: string): VlmError {
  return new VlmError("bad-option", message, accepted);
}
