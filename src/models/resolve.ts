import { badOption, VlmError } from "../shared/errors";
import type { ModelSource } from "../shared/models";
import { converter, registry, type RegistryEntry } from "./registry";

export const officialHub = "https://huggingface.co";

/** Hosts of the official hub. */
const officialHosts = ["huggingface.co", "www.huggingface.co", "hf.co"];

const advice = `Use a name (${registry.map(({ name }) => name).join(", ")}), a hub id (owner/name or owner/name@revision), or the URL of a model's folder.`;

const part = "(?!\\.)[\\w.-]+";
const hubId = new RegExp(`^(${part}/${part})(?:@([^\\s@?#]+))?$`);

/**
 * Resolves a model's name, hub id or URL.
 * @param hub endpoint of a hub, instead of the official one
 * @param modelBase folder that contains `models/NAME/` of the bundled models, if
 * not the page's
 * @throws `bad-option`, or `unsupported` for a model without an ONNX export
 */
export function resolveModel(
  model: string,
  hub = "",
  modelBase = "",
): ModelSource {
  const given = model.trim();
  const endpoint = readEndpoint(hub);
  if (given === "") throw badOption("The model name is empty.", advice);
  const entry = registry.find(({ name }) => name === given.toLowerCase());
  if (entry) return fromRegistry(entry, endpoint, modelBase);
  const [, id, revision = "main"] = hubId.exec(given) ?? [];
  if (id !== undefined) return { kind: "hub", endpoint, id, revision };
  if (!/[/:]/.test(given)) throw badOption(`Unknown model “${given}”.`, advice);
  return fromUrl(given, endpoint);
}

function fromRegistry(
  { name, title, bundled, hub, checkpoint }: RegistryEntry,
  endpoint: string,
  modelBase: string,
): ModelSource {
  if (bundled) return { kind: "url", url: bundledUrl(name, modelBase) };
  if (hub) return { kind: "hub", endpoint, id: hub, revision: "main" };
  throw new VlmError(
    "unsupported",
    `${title} is not published as ONNX, so a browser cannot load it.`,
    `Convert the checkpoint ${checkpoint ?? title} with “${converter}” and open the resulting folder, or load fastvlm-0.5b.`,
  );
}

/** Whether the model is deployed with the page. */
export function isBundled(source: ModelSource, modelBase = ""): boolean {
  return registry.some(
    ({ name, bundled }) =>
      bundled &&
      source.kind === "url" &&
      source.url === bundledUrl(name, modelBase),
  );
}

/**
 * Replaces the advice of a `model-file-missing` error about a bundled model, which the
 * page has to serve. Returns any other error unchanged.
 */
export function withBundledAdvice(
  thrown: unknown,
  source: ModelSource,
  modelBase?: string,
): unknown {
  const missing =
    thrown instanceof VlmError && thrown.code === "model-file-missing";
  if (!missing || !isBundled(source, modelBase)) return thrown;
  return new VlmError(
    thrown.code,
    thrown.message,
    "Serve this model with the page: “npx fast-vlm copy public/fast-vlm --models-only” copies it and prints the model-base to set (modelBase in JavaScript), which is the URL of the folder that contains models/. If you see an HTML page at the URL above, that is the server's answer for missing files.",
    { cause: thrown },
  );
}

function bundledUrl(name: string, modelBase: string): string {
  const folder = modelBase ? folderUrl(modelBase) : webUrl(base());
  if (folder) return new URL(`models/${name}/`, folder).href;
  throw invalidFolder(modelBase, `that contains models/${name}/`);
}

/** An http(s) URL with a trailing slash; undefined for anything else. */
export function folderUrl(text: string): URL | undefined {
  return webUrl(text.replace(/\/*$/, "/"));
}

/** `content`: what has to be in the folder. */
export function invalidFolder(text: string, content: string): VlmError {
  return badOption(
    `“${text}” is not the URL of a folder.`,
    `Use the http(s) URL of the folder ${content}.`,
  );
}

function fromUrl(given: string, endpoint: string): ModelSource {
  if (!URL.canParse(given, base())) {
    throw badOption(`“${given}” is not the URL of a model.`, advice);
  }
  const url = new URL(given, base());
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw badOption(
      `A model cannot be loaded from a “${url.protocol}” URL.`,
      advice,
    );
  }
  if (url.search) {
    throw badOption(
      `“${given}” has a query string, which the URL of a folder must not have.`,
      advice,
    );
  }
  url.hash = "";
  const id = officialHosts.includes(url.host)
    ? parseHubPath(url.pathname, officialHub, given)
    : undefined;
  if (id) return id;
  if (url.href.startsWith(`${endpoint}/`)) {
    const path = url.href.slice(endpoint.length);
    const found = parseHubPath(path, endpoint, given);
    if (found) return found;
  }
  return { kind: "url", url: url.href.replace(/\/?$/, "/") };
}

/** Parses `/{owner}/{name}`, alone or with `/tree/{revision}` or similar. */
function parseHubPath(
  path: string,
  endpoint: string,
  given: string,
): ModelSource | undefined {
  const [owner, name, verb, ...rest] = path.split("/").filter(Boolean);
  if (owner === undefined || name === undefined) return undefined;
  const id = `${owner}/${name}`;
  if (!hubId.test(id)) return undefined;
  if (verb === undefined) {
    return { kind: "hub", endpoint, id, revision: "main" };
  }
  const [first = "", ...below] = rest;
  const revision = decodeURIComponent(first);
  if (!["tree", "resolve", "blob"].includes(verb) || !revision)
    return undefined;
  // The revision of a pull request has three segments: refs/pr/1.
  const whole = revision === "refs" ? [revision, ...below] : [revision];
  if (revision === "refs" ? below.length !== 2 : below.length > 0) {
    throw badOption(
      `“${given}” is a file or subfolder of a model, not its root folder.`,
      advice,
    );
  }
  return { kind: "hub", endpoint, id, revision: whole.join("/") };
}

function readEndpoint(hub: string): string {
  if (!hub) return officialHub;
  const url = webUrl(hub);
  if (!url) {
    throw badOption(
      `“${hub}” is not the URL of a hub.`,
      `Use an http(s) URL, such as ${officialHub}.`,
    );
  }
  return (url.origin + url.pathname).replace(/\/+$/, "");
}

function webUrl(text: string): URL | undefined {
  if (!URL.canParse(text, base())) return undefined;
  const url = new URL(text, base());
  return /^https?:$/.test(url.protocol) ? url : undefined;
}

/** Relative URLs are relative to the page, not to the worker. */
const base = (): string => document.baseURI;
