// @ts-check
/**
 * A hub that answers a browser as huggingface.co does, with faults on demand. It
 * uses no API of Node: server.mjs serves it over HTTP (`npm run hub`, end-to-end
 * tests), and the tests of workers/store call it in place of `fetch`.
 */
import { Faults } from "./faults.mjs";
import { fileReply, parseRange } from "./file-reply.mjs";
import {
  accessDenied,
  errorReply,
  faultReply,
  jsonReply,
  notFound,
  redirect,
} from "./reply.mjs";

/**
 * @typedef {import("./faults.mjs").Fault} Fault
 * @typedef {import("./faults.mjs").TakeFault} TakeFault
 * @typedef {import("./reply.mjs").HubReply} HubReply
 *
 * @typedef {object} HubFile
 * @property {string} path below the repository, with slashes
 * @property {number} size
 * @property {string} blob SHA-1 of the git blob; of the LFS pointer for LFS files
 * @property {string} [sha256] only for LFS files
 * @property {(start: number, end: number, chunk: number) => Iterable<Uint8Array> | AsyncIterable<Uint8Array>} read
 *
 * @typedef {object} Snapshot a commit of a repository
 * @property {string} commit
 * @property {ReadonlyMap<string, HubFile>} files
 * @property {Readonly<Record<string, unknown>>} card metadata of README.md
 *
 * @typedef {object} Repository
 * @property {string} id owner/name
 * @property {() => Promise<Snapshot>} snapshot the commit of the branch `main`
 *
 * @typedef {object} StaticFile a file of a plain server
 * @property {Uint8Array} bytes
 * @property {Readonly<Record<string, string>>} headers
 *
 * @typedef {object} SignedFile a file of the CDN, for as long as its URL is valid
 * @property {string} path
 * @property {HubFile} file
 * @property {number} until ms since 1970
 *
 * @typedef {object} HubRequest
 * @property {string} method
 * @property {URL} url
 * @property {(name: string) => string | undefined} header
 *
 * @typedef {object} LoggedRequest in the order of arrival
 * @property {string} method
 * @property {string} path
 * @property {string} file below the repository; empty for other requests
 * @property {string | undefined} range
 * @property {number} status 0 while unanswered
 * @property {number} from offset of the body in the file
 * @property {number} bytes of the file that were sent
 */

const BRANCH = "main";

/** Headers of the hub that pages can read. */
const READABLE_HEADERS =
  "X-Repo-Commit,X-Request-Id,X-Error-Code,X-Error-Message,X-Total-Count,ETag,Link,Accept-Ranges,Content-Range,X-Linked-Size,X-Linked-ETag,X-Xet-Hash";

/** s for which the URL of a file on the CDN is valid. */
const SIGNATURE_LIFETIME = 3600;

/** Whether git keeps only a pointer to a file. @param {{ path: string, size: number }} file */
export const isInLfs = ({ path, size }) =>
  size > 10_000_000 ||
  /\.(onnx|onnx_data(_\d+)?|safetensors|bin|pt|npz|npy)$/.test(path);

/** @param {string} sha256 @param {number} size */
export const lfsPointer = (sha256, size) =>
  `version https://git-lfs.github.com/spec/v1\noid sha256:${sha256}\nsize ${size}\n`;

/** The hash that the CDN sends as ETag: not the SHA-256. @param {string} sha256 */
const xetHash = (sha256) => [...sha256].reverse().join("");

/** @param {string} path */
const encodePath = (path) => path.split("/").map(encodeURIComponent).join("/");

/** @param {URL} url @param {string} name */
const isSet = (url, name) =>
  /^(true|1)$/i.test(url.searchParams.get(name) ?? "");

export class FakeHub {
  faults = new Faults();
  /** @type {LoggedRequest[]} */
  requests = [];
  /** By path. @type {Map<string, StaticFile>} */
  staticFiles = new Map();
  /** Bytes per chunk of a body. */
  chunkBytes = 65_536;
  /** Called before each chunk. @type {() => void | Promise<void>} */
  beforeChunk = () => undefined;
  /** A fault of this GET of a file. @type {(path: string, from: number) => Fault | undefined} */
  faultOf = () => undefined;
  /** By signature. @readonly @type {Map<string, SignedFile>} */
  #signed = new Map();

  /**
   * @param {readonly Repository[]} repositories
   * @param {{ hub: string, cdn: string }} origins
   */
  constructor(repositories, origins) {
    this.repositories = repositories;
    this.origins = origins;
  }

  /**
   * @param {HubRequest} request
   * @returns {Promise<{ logged: LoggedRequest, reply: HubReply | "hang" | "reset" }>}
   */
  async respond(request) {
    const { method, url } = request;
    const range = request.header("range");
    /** @type {LoggedRequest} */
    const logged = {
      ...{ method, path: url.pathname, file: "", range },
      ...{ status: 0, from: 0, bytes: 0 },
    };
    this.requests.push(logged);
    const reply = await this.#route(request, logged);
    if (typeof reply === "object") {
      logged.status = reply.status;
      reply.headers = { ...this.#commonHeaders(request), ...reply.headers };
    }
    return { logged, reply };
  }

  /** @param {HubRequest} request @returns {Record<string, string>} */
  #commonHeaders({ method, url, header }) {
    // Every request has to reach the log.
    const caching = { "Cache-Control": "no-store" };
    const isCdn = url.origin === this.origins.cdn;
    if (isCdn || this.staticFiles.has(url.pathname)) {
      // The CDN refuses preflights.
      if (method === "OPTIONS") return caching;
      return {
        ...caching,
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Expose-Headers": "*",
      };
    }
    return {
      ...caching,
      "Access-Control-Allow-Origin": header("origin") ?? this.origins.hub,
      "Access-Control-Expose-Headers": READABLE_HEADERS,
      Vary: "Origin",
    };
  }

  /** @param {HubRequest} request @param {LoggedRequest} logged */
  async #route(request, logged) {
    const { method, url } = request;
    const fixed = this.staticFiles.get(url.pathname);
    if (fixed !== undefined) return this.#sendStatic(request, fixed, logged);
    if (url.origin === this.origins.cdn) return this.#cdn(request, logged);
    if (url.origin !== this.origins.hub) return notFound();
    if (method === "OPTIONS") {
      const methods = { "Access-Control-Allow-Methods": "GET, HEAD, OPTIONS" };
      return { status: 204, headers: methods };
    }
    if (method !== "GET" && method !== "HEAD") {
      return errorReply(405, "MethodNotAllowed", "Only GET and HEAD.");
    }
    const path = decodeURIComponent(url.pathname);
    const [, prefix = "", target = ""] =
      /^\/(api\/resolve-cache\/models\/|api\/models\/)?(.*)$/.exec(path) ?? [];
    const repository = this.repositories.find(({ id }) =>
      `${target}/`.startsWith(`${id}/`),
    );
    if (repository === undefined) {
      // The hub does not tell whether it is private or does not exist.
      return errorReply(401, "RepoNotFound", "Repository not found");
    }
    const rest = target.slice(repository.id.length + 1);
    if (prefix === "api/models/") return this.#api(url, repository, rest);
    return prefix === ""
      ? this.#resolve(request, repository, rest, logged)
      : this.#resolveCache(request, repository, rest, logged);
  }

  /** @param {string} revision @param {Snapshot} snapshot @returns {HubReply | undefined} */
  #revisionError(revision, { commit }) {
    if (revision === BRANCH || revision === commit) return undefined;
    return errorReply(404, "RevisionNotFound", `Invalid rev id: ${revision}`);
  }

  /** `/api/models/{id}`, with or without `/revision/{revision}`. @param {URL} url @param {Repository} repository @param {string} rest */
  async #api(url, { id, snapshot: latest }, rest) {
    const path = `api/${rest}`;
    if (this.faults.take("no-api", path) !== undefined) return notFound();
    const fault = faultReply(path, (...args) => this.faults.take(...args));
    if (fault !== undefined) return fault;
    const [, revision = BRANCH] = /^revision\/([^/]+)$/.exec(rest) ?? [];
    if (rest !== "" && !rest.startsWith("revision/")) return notFound();
    const snapshot = await latest();
    const error = this.#revisionError(revision, snapshot);
    if (error !== undefined) return error;
    const info = this.#modelInfo(id, snapshot, isSet(url, "blobs"));
    const end = Number(this.faults.take("end", path) ?? Infinity);
    return jsonReply(JSON.stringify(info).slice(0, end));
  }

  /** @param {string} id @param {Snapshot} snapshot @param {boolean} blobs with sizes and hashes */
  #modelInfo(id, { commit, files, card }, blobs) {
    const siblings = [...files.values()].map((file) => {
      if (!blobs) return { rfilename: file.path };
      const { path, size, blob, sha256, pointerSize } = this.#listed(file);
      const base = { rfilename: path, size, blobId: blob };
      if (sha256 === undefined) return base;
      return { ...base, lfs: { sha256, size, pointerSize } };
    });
    return {
      ...{ _id: commit.slice(0, 24), id, modelId: id, sha: commit },
      ...{ private: false, gated: false, disabled: false },
      ...{ author: id.split("/")[0], tags: ["onnx"], cardData: card, siblings },
    };
  }

  /** A file as the hub lists it, which a fault may falsify. @param {HubFile} file */
  #listed({ path, size, blob, sha256 }) {
    const delta = this.faults.take("wrong-size", path);
    const listedSize = size + Number(delta ?? 0);
    const wrong = this.faults.take("wrong-sha", path) !== undefined;
    const other = (/** @type {string} */ hex) =>
      wrong ? (hex.startsWith("0") ? "1" : "0") + hex.slice(1) : hex;
    if (sha256 === undefined) {
      return { path, size: listedSize, blob: other(blob), sha256: undefined };
    }
    const pointerSize = lfsPointer(sha256, listedSize).length;
    return { path, size: listedSize, blob, sha256: other(sha256), pointerSize };
  }

  /**
   * `/{id}/resolve/{revision}/{file}`: redirects to a path of the hub for a small
   * file, to a signed URL of the CDN for one in LFS.
   * @param {HubRequest} request
   * @param {Repository} repository
   * @param {string} rest
   * @param {LoggedRequest} logged
   */
  async #resolve(request, { id, snapshot: latest }, rest, logged) {
    const [, revision, name] = /^resolve\/([^/]+)\/(.+)$/.exec(rest) ?? [];
    if (revision === undefined || name === undefined) return notFound();
    logged.file = name;
    const snapshot = await latest();
    const error = this.#revisionError(revision, snapshot);
    if (error !== undefined) return error;
    const { commit, files } = snapshot;
    const headers = { "X-Repo-Commit": commit };
    const file = files.get(name);
    if (file === undefined || this.faults.take("missing", name) !== undefined) {
      return errorReply(404, "EntryNotFound", "Entry not found", headers);
    }
    if (this.faults.take("gated", name) !== undefined) {
      const message = `Access to model ${id} is restricted.`;
      return errorReply(401, "GatedRepo", message, headers);
    }
    const take = this.#take(request, file);
    const fault = faultReply(name, take);
    if (fault !== undefined) return fault;
    const { size, sha256, blob } = this.#listed(file);
    const etag = `"${sha256 ?? blob}"`;
    const linked = {
      ...headers,
      "X-Linked-Size": String(size),
      "X-Linked-ETag": etag,
      "Accept-Ranges": "bytes",
    };
    if (this.faults.take("direct", name) !== undefined) {
      const all = { ...linked, ETag: etag };
      return fileReply(request, file, all, take, logged, this);
    }
    if (file.sha256 === undefined) {
      const path = encodePath(`${id}/${commit}/${name}`);
      const query = new URLSearchParams({ etag });
      const location = `/api/resolve-cache/models/${path}?${query.toString()}`;
      return redirect(307, location, { ...linked, ETag: etag });
    }
    const lifetime = take("expired", name) ? -1 : SIGNATURE_LIFETIME;
    const location = this.#sign(file, file.sha256, commit, lifetime);
    const xet = { "X-Xet-Hash": xetHash(file.sha256) };
    return redirect(302, location, { ...linked, ...xet });
  }

  /** A new URL of a file on the CDN. @param {HubFile} file @param {string} sha256 @param {string} commit @param {number} lifetime s */
  #sign(file, sha256, commit, lifetime) {
    const path = `/xet-bridge-us/${commit.slice(0, 24)}/${xetHash(sha256)}`;
    const until = Date.now() + lifetime * 1000;
    const signature = String(this.#signed.size + 1);
    this.#signed.set(signature, { path, file, until });
    const query = new URLSearchParams({
      Expires: String(Math.floor(until / 1000)),
      Signature: signature,
    });
    return `${this.origins.cdn}${path}?${query.toString()}`;
  }

  /** @param {HubRequest} request @param {LoggedRequest} logged */
  #cdn(request, logged) {
    const { method, url } = request;
    const signature = url.searchParams.get("Signature") ?? "";
    const signed = this.#signed.get(signature);
    if (signed === undefined || signed.path !== url.pathname) {
      return accessDenied();
    }
    const { file, until } = signed;
    logged.file = file.path;
    const isRead = method === "GET" || method === "HEAD";
    if (!isRead || Date.now() > until) return accessDenied();
    const headers = {
      ETag: `"${xetHash(file.sha256 ?? "")}"`,
      "Content-Type": "application/octet-stream",
    };
    const take = this.#take(request, file);
    return fileReply(request, file, headers, take, logged, this);
  }

  /** `/api/resolve-cache/models/{id}/{commit}/{file}`. @param {HubRequest} request @param {Repository} repository @param {string} rest @param {LoggedRequest} logged */
  async #resolveCache(request, { snapshot: latest }, rest, logged) {
    const [, revision = "", name = ""] = /^([^/]+)\/(.+)$/.exec(rest) ?? [];
    const { commit, files } = await latest();
    const file = revision === commit ? files.get(name) : undefined;
    if (file === undefined) return notFound();
    logged.file = name;
    const headers = {
      "X-Repo-Commit": commit,
      ETag: `"${file.blob}"`,
      "Content-Type": "text/plain; charset=utf-8",
    };
    const take = this.#take(request, file);
    return fileReply(request, file, headers, take, logged, this);
  }

  /** @param {HubRequest} request @param {StaticFile} file @param {LoggedRequest} logged */
  #sendStatic(request, { bytes, headers }, logged) {
    const read = function* (
      /** @type {number} */ start,
      /** @type {number} */ end,
      /** @type {number} */ chunk,
    ) {
      for (let at = start; at < end; at += chunk) {
        yield bytes.slice(at, Math.min(at + chunk, end));
      }
    };
    const path = (logged.file = logged.path);
    const file = { path, size: bytes.length, read };
    const take = this.#take(request, file);
    return (
      faultReply(path, take) ??
      fileReply(request, file, headers, take, logged, this)
    );
  }

  /** Takes from a fault of this request, or from the list. @param {HubRequest} request @param {Pick<HubFile, "path" | "size">} file @returns {TakeFault} */
  #take({ method, header }, { path, size }) {
    const range = parseRange(header("range"), size);
    const from = typeof range === "object" ? range.start : 0;
    const own = method === "HEAD" ? undefined : this.faultOf(path, from);
    return (kind, file, applies = () => true) =>
      own?.kind === kind && applies(Number(own.value))
        ? (own.value ?? true)
        : this.faults.take(kind, file, applies);
  }
}
