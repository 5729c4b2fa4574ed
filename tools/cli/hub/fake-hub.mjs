// @ts-check
/**
 * A hub compatible with Hugging Face's, with faults on demand. It uses no API of
 * Node: hub-server.mjs serves it over HTTP (`npm run hub`, end-to-end tests), and
 * the tests of workers/store call it in place of `fetch`.
 */

/**
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
 * @typedef {object} StaticFile a file outside of all repositories
 * @property {Uint8Array} bytes
 * @property {Readonly<Record<string, string>>} headers
 *
 * @typedef {object} HubRequest
 * @property {string} method
 * @property {URL} url
 * @property {(name: string) => string | undefined} header
 *
 * @typedef {object} HubReply
 * @property {number} status
 * @property {Record<string, string>} headers
 * @property {string | AsyncIterable<Uint8Array>} [body]
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

/** What distinguishes one hub from another. */
export const huggingFace = {
  branch: "main",
  headers: {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers":
      "X-Repo-Commit,X-Error-Code,X-Error-Message,X-Linked-Size,X-Linked-ETag,ETag,Accept-Ranges,Content-Range,Content-Length,Retry-After,Link",
    // Cross-origin isolated pages block responses without it.
    "Cross-Origin-Resource-Policy": "cross-origin",
    // Every request has to reach the log.
    "Cache-Control": "no-store",
  },
  preflightHeaders: {
    "Access-Control-Allow-Methods": "GET, HEAD, OPTIONS, POST, DELETE",
    "Access-Control-Allow-Headers":
      "Authorization, Content-Type, Range, If-Range, If-None-Match",
    "Access-Control-Allow-Private-Network": "true",
  },
  /** Whether git keeps only a pointer. @param {{ path: string, size: number }} file */
  inLfs: ({ path, size }) =>
    size > 10_000_000 ||
    /\.(onnx|onnx_data(_\d+)?|safetensors|bin|pt|npz|npy)$/.test(path),
  /** @param {string} sha256 @param {number} size */
  lfsPointer: (sha256, size) =>
    `version https://git-lfs.github.com/spec/v1\noid sha256:${sha256}\nsize ${size}\n`,
};

/** Fault kind → its value, if it takes one, and its effect. */
export const faultKinds = /** @type {const} */ ({
  cut: ["N", "the connection breaks after N bytes of a body"],
  end: ["N", "the body ends after N bytes, without an error"],
  stall: ["N", "nothing more arrives after N bytes of a body"],
  slow: ["N", "bodies arrive at N bytes per second"],
  status: ["CODE", "answers with the status CODE, e.g. 500"],
  busy: ["SECONDS", "answers 429 with Retry-After: SECONDS"],
  flip: ["OFFSET", "the byte at OFFSET of the file is damaged"],
  length: ["DELTA", "Content-Length is wrong by DELTA bytes"],
  "wrong-size": ["DELTA", "the size in the file list is wrong by DELTA bytes"],
  "wrong-sha": ["", "the hash in the file list is wrong"],
  redirect: ["path|port", "redirects to another path, or to another port"],
  "no-ranges": ["", "answers range requests with the whole file"],
  chunked: ["", "answers without Content-Length, and ignores ranges"],
  missing: ["", "the file is listed, but does not exist"],
  page: ["", "answers with an HTML page, like the login page of a network"],
  hang: ["", "never answers"],
  reset: ["", "resets the connection"],
  "no-api": ["", "the hub has no /api"],
});

/**
 * @typedef {keyof typeof faultKinds} FaultKind
 * @typedef {object} Fault
 * @property {FaultKind} kind
 * @property {number | string} [value]
 * @property {string} [file] glob; without a slash it matches the name alone
 * @property {number} [times] how often; unlimited by default
 */

/** @param {unknown} given @returns {Fault} @throws if it is invalid */
export function checkFault(given) {
  const { kind, value, file, times, ...rest } =
    /** @type {Record<string, unknown>} */ (given ?? {});
  const [other] = Object.keys(rest);
  if (other !== undefined) throw new Error(`Unknown fault field "${other}".`);
  if (typeof kind !== "string" || !Object.hasOwn(faultKinds, kind)) {
    const kinds = Object.keys(faultKinds).join(", ");
    throw new Error(`Unknown fault "${String(kind)}". Faults are: ${kinds}.`);
  }
  const known = /** @type {FaultKind} */ (kind);
  if (!isFaultValue(known, value)) {
    const hint = faultKinds[known][0] || "no value";
    throw new Error(`The fault ${kind} takes ${hint}, not ${String(value)}.`);
  }
  if (file !== undefined && typeof file !== "string") {
    throw new Error("The file of a fault must be a glob.");
  }
  if (times !== undefined && !(Number.isInteger(times) && Number(times) > 0)) {
    throw new Error("times of a fault must be an integer above 0.");
  }
  return /** @type {Fault} */ (given);
}

/** @param {FaultKind} kind @param {unknown} value */
function isFaultValue(kind, value) {
  if (faultKinds[kind][0] === "") return value === undefined;
  if (kind === "redirect") return value === "path" || value === "port";
  if (!Number.isInteger(value)) return false;
  const signed = kind === "length" || kind === "wrong-size";
  if (kind === "status") return Number(value) >= 400 && Number(value) <= 599;
  return signed ? value !== 0 : Number(value) >= (kind === "slow" ? 1 : 0);
}

/** Parses `cut=100000,file=*.onnx,times=1`. @param {string} text @returns {Fault} */
export function parseFault(text) {
  const pairs = text.split(",").map((part) => {
    const [name = "", value] = part.trim().split(/=(.*)/s, 2);
    const number = value !== undefined && /^[+-]?\d+$/.test(value);
    return /** @type {const} */ ([name, number ? Number(value) : value]);
  });
  const [[kind, value] = ["", undefined], ...others] = pairs;
  const rest = Object.fromEntries(others);
  return checkFault({ kind, ...(value !== undefined && { value }), ...rest });
}

/** `*` and `?` match within a folder, `**` across folders. @param {string} glob */
export function globPattern(glob) {
  const source = glob.replace(/\*\*\/?|[*?]|[.+^${}()|[\]\\]/g, (part) => {
    if (part === "**/") return "(?:.*/)?";
    if (part === "**") return ".*";
    if (part === "*") return "[^/]*";
    return part === "?" ? "[^/]" : `\\${part}`;
  });
  return new RegExp(glob.includes("/") ? `^${source}$` : `(?:^|/)${source}$`);
}

/** The faults that are still to happen. */
export class Faults {
  /** @type {{ fault: Fault, pattern: RegExp, left: number }[]} */
  #pending = [];

  /** @param {Fault} fault */
  add(fault) {
    const { file = "**", times = Infinity } = checkFault(fault);
    this.#pending.push({ fault, pattern: globPattern(file), left: times });
  }

  clear() {
    this.#pending = [];
  }

  list() {
    return this.#pending.map(({ fault, left }) =>
      left === Infinity ? fault : { ...fault, times: left },
    );
  }

  /**
   * Takes the value of a fault that happens now; `true` for one without a value.
   * @param {FaultKind} kind
   * @param {string} file
   * @param {(value: number) => boolean} [applies] false keeps the fault for a
   * later request
   */
  take(kind, file, applies = () => true) {
    const found = this.#pending.find(
      ({ fault, pattern }) =>
        fault.kind === kind &&
        pattern.test(file) &&
        applies(Number(fault.value)),
    );
    if (found === undefined) return undefined;
    found.left--;
    if (found.left === 0) {
      this.#pending = this.#pending.filter((other) => other !== found);
    }
    return found.fault.value ?? true;
  }
}

/**
 * The part of a file that a Range header requests (RFC 9110, section 14):
 * `undefined`: all of it; `"none"`: nothing, since it is outside of the file.
 * @param {string | undefined} header
 * @param {number} size
 * @returns {{ start: number, end: number } | "none" | undefined} `end` exclusive
 */
function parseRange(header, size) {
  // Several ranges, and invalid ones, may be answered with the whole file.
  const found = /^bytes=(\d*)-(\d*)$/.exec(header?.replaceAll(" ", "") ?? "");
  if (found === null) return undefined;
  const [, first = "", last = ""] = found;
  if (first === "") {
    if (last === "") return undefined;
    const length = Math.min(Number(last), size);
    return length === 0 ? "none" : { start: size - length, end: size };
  }
  const start = Number(first);
  if (last !== "" && Number(last) < start) return undefined;
  if (start >= size) return "none";
  const end = last === "" ? size : Math.min(Number(last) + 1, size);
  return { start, end };
}

/** The body is to end with a broken connection. */
export class ConnectionCut extends Error {}

/** @param {unknown} value @returns {HubReply} */
const jsonReply = (value) => ({
  status: 200,
  headers: { "Content-Type": "application/json; charset=utf-8" },
  body: JSON.stringify(value),
});

/** @param {number} status @param {string} code @param {string} message @param {Record<string, string>} [headers] @returns {HubReply} */
export const errorReply = (status, code, message, headers = {}) => ({
  status,
  headers: {
    ...headers,
    "Content-Type": "application/json; charset=utf-8",
    "X-Error-Code": code,
    "X-Error-Message": message,
  },
  body: JSON.stringify({ error: message }),
});

/** The answer of a server that is not a hub. @returns {HubReply} */
const notFound = () => ({
  status: 404,
  headers: { "Content-Type": "text/plain; charset=utf-8" },
  body: "Not Found",
});

/** @returns {HubReply} */
const entryNotFound = (/** @type {string} */ commit) =>
  errorReply(404, "EntryNotFound", "Entry not found", {
    "X-Repo-Commit": commit,
  });

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

  /**
   * @param {readonly Repository[]} repositories
   * @param {() => Promise<string>} [otherOrigin] where `redirect=port` leads
   * @param {typeof huggingFace} [profile]
   */
  constructor(
    repositories,
    otherOrigin = () => Promise.resolve(""),
    profile = huggingFace,
  ) {
    this.repositories = repositories;
    this.otherOrigin = otherOrigin;
    this.profile = profile;
  }

  /**
   * @param {HubRequest} request
   * @returns {Promise<{ logged: LoggedRequest, reply: HubReply | "hang" | "reset" }>}
   */
  async respond(request) {
    const { method, url } = request;
    /** @type {LoggedRequest} */
    const logged = {
      ...{
        method,
        path: url.pathname,
        file: "",
        range: request.header("range"),
      },
      ...{ status: 0, from: 0, bytes: 0 },
    };
    this.requests.push(logged);
    const reply = await this.#route(request, logged);
    if (typeof reply === "object") {
      logged.status = reply.status;
      reply.headers = { ...this.profile.headers, ...reply.headers };
    }
    return { logged, reply };
  }

  /** @param {HubRequest} request @param {LoggedRequest} logged */
  async #route(request, logged) {
    const { method, url } = request;
    if (method !== "GET" && method !== "HEAD") {
      return errorReply(405, "MethodNotAllowed", "Only GET and HEAD.");
    }
    const path = decodeURIComponent(url.pathname);
    const fixed = this.staticFiles.get(url.pathname);
    if (fixed !== undefined) return this.#sendStatic(request, fixed, logged);
    const [, api] = /^\/api\/models\/(.*)$/.exec(path) ?? [];
    const redirected = path.startsWith("/cdn/");
    const target = api ?? path.slice(redirected ? "/cdn/".length : 1);
    const repository = this.repositories.find(({ id }) =>
      `${target}/`.startsWith(`${id}/`),
    );
    if (repository === undefined) {
      return errorReply(404, "RepoNotFound", "Repository not found");
    }
    const rest = target.slice(repository.id.length + 1);
    return api === undefined
      ? this.#resolve(request, repository, rest, redirected, logged)
      : this.#api(url, repository, rest);
  }

  /** @param {string} revision @param {Snapshot} snapshot @returns {HubReply | undefined} */
  #revisionError(revision, { commit }) {
    if (revision === this.profile.branch || revision === commit) {
      return undefined;
    }
    return errorReply(404, "RevisionNotFound", `Invalid rev id: ${revision}`);
  }

  /** `/api/models/{id}`, with `/revision/{revision}` or `/tree/{revision}/{folder}`. @param {URL} url @param {Repository} repository @param {string} rest */
  async #api(url, { id, snapshot: latest }, rest) {
    const path = `api/${rest}`;
    if (this.faults.take("no-api", path) !== undefined) return notFound();
    const fault = this.#faultReply(path, this.#take());
    if (fault !== undefined) return fault;
    const [, kind, revision = this.profile.branch, below = ""] =
      /^(revision|tree)\/([^/]+)(?:\/(.*))?$/.exec(rest) ?? [];
    if (rest !== "" && kind === undefined) return notFound();
    const snapshot = await latest();
    const error = this.#revisionError(revision, snapshot);
    if (error !== undefined) return error;
    if (kind !== "tree") {
      return jsonReply(this.#modelInfo(id, snapshot, isSet(url, "blobs")));
    }
    const folder = below.replace(/([^/])\/?$/, "$1/");
    const entries = this.#tree(snapshot, folder, isSet(url, "recursive"));
    if (entries !== undefined) return jsonReply(entries);
    return errorReply(404, "EntryNotFound", `${below} does not exist`);
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

  /** @param {Snapshot} snapshot @param {string} folder with a trailing slash, or empty @param {boolean} recursive */
  #tree({ files }, folder, recursive) {
    const inside = [...files.values()].filter(({ path }) =>
      path.startsWith(folder),
    );
    if (folder !== "" && inside.length === 0) return undefined;
    /** @type {Map<string, object>} */
    const entries = new Map();
    for (const file of inside) {
      const steps = file.path.slice(folder.length).split("/");
      for (let depth = 1; depth < steps.length; depth++) {
        if (!recursive && depth > 1) break;
        const path = folder + steps.slice(0, depth).join("/");
        entries.set(path, { type: "directory", oid: file.blob, size: 0, path });
      }
      if (!recursive && steps.length > 1) continue;
      const { path, size, blob, sha256, pointerSize } = this.#listed(file);
      entries.set(path, {
        ...{ type: "file", oid: blob, size, path },
        ...(sha256 !== undefined && {
          lfs: { oid: sha256, size, pointerSize },
        }),
      });
    }
    return [...entries.values()];
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
    const pointerSize = this.profile.lfsPointer(sha256, listedSize).length;
    return { path, size: listedSize, blob, sha256: other(sha256), pointerSize };
  }

  /** `/{id}/resolve/{revision}/{file}`. @param {HubRequest} request @param {Repository} repository @param {string} rest @param {boolean} redirected @param {LoggedRequest} logged */
  async #resolve(request, { id, snapshot: latest }, rest, redirected, logged) {
    const [, revision, name] = /^resolve\/([^/]+)\/(.+)$/.exec(rest) ?? [];
    if (revision === undefined || name === undefined) return notFound();
    logged.file = name;
    const snapshot = await latest();
    const error = this.#revisionError(revision, snapshot);
    if (error !== undefined) return error;
    const { commit, files } = snapshot;
    const file = files.get(name);
    if (file === undefined || this.faults.take("missing", name) !== undefined) {
      return entryNotFound(commit);
    }
    const listed = this.#listed(file);
    const etag = `"${listed.sha256 ?? listed.blob}"`;
    const headers = {
      "X-Repo-Commit": commit,
      "X-Linked-Size": String(listed.size),
      "X-Linked-ETag": etag,
      ETag: etag,
      "Content-Type": name.endsWith(".json")
        ? "application/json; charset=utf-8"
        : "application/octet-stream",
    };
    const where = redirected ? undefined : this.faults.take("redirect", name);
    if (where !== undefined) {
      const origin = where === "port" ? await this.otherOrigin() : "";
      const path = `${id}/resolve/${commit}/${name}`.split("/");
      const location = `${origin}/cdn/${path.map(encodeURIComponent).join("/")}`;
      return { status: 302, headers: { ...headers, Location: location } };
    }
    return this.#sendFile(request, name, file, headers, logged);
  }

  /** @param {HubRequest} request @param {StaticFile} file @param {LoggedRequest} logged */
  #sendStatic(request, { bytes, headers }, logged) {
    logged.file = logged.path;
    const read = function* (
      /** @type {number} */ start,
      /** @type {number} */ end,
      /** @type {number} */ chunk,
    ) {
      for (let at = start; at < end; at += chunk) {
        yield bytes.slice(at, Math.min(at + chunk, end));
      }
    };
    const file = { size: bytes.length, read };
    return this.#sendFile(request, logged.path, file, headers, logged);
  }

  /**
   * @param {HubRequest} request
   * @param {string} name
   * @param {Pick<HubFile, "size" | "read">} file
   * @param {Readonly<Record<string, string>>} given
   * @param {LoggedRequest} logged
   * @returns {HubReply | "hang" | "reset"}
   */
  #sendFile(request, name, { size, read }, given, logged) {
    const isHead = request.method === "HEAD";
    const wanted = parseRange(request.header("range"), size);
    const from = typeof wanted === "object" ? wanted.start : 0;
    const take = this.#take(
      isHead ? undefined : this.faultOf(logged.path, from),
    );
    const fault = this.#faultReply(name, take);
    if (fault !== undefined) return fault;
    const chunked = take("chunked", name) !== undefined;
    const rangeless = take("no-ranges", name) !== undefined || chunked;
    const headers = { ...given };
    if (!rangeless) headers["Accept-Ranges"] = "bytes";
    // A resumed download of a changed file gets all of it.
    const condition = request.header("if-range");
    const stale = condition !== undefined && condition !== headers["ETag"];
    const range = rangeless || stale ? undefined : wanted;
    if (range === "none") {
      headers["Content-Range"] = `bytes */${size}`;
      const message = "The range is not satisfiable.";
      return errorReply(416, "RangeNotSatisfiable", message, headers);
    }
    const { start, end } = range ?? { start: 0, end: size };
    if (range !== undefined) {
      headers["Content-Range"] = `bytes ${start}-${end - 1}/${size}`;
    }
    const length = end - start;
    const shorter = (/** @type {number} */ bytes) => bytes < length;
    const early = isHead ? undefined : take("end", name, shorter);
    const delta = isHead ? undefined : take("length", name);
    const sent = early === undefined ? length : Number(early);
    const declared = Math.max(0, sent + Number(delta ?? 0));
    if (!chunked) headers["Content-Length"] = String(declared);
    const status = range === undefined ? 200 : 206;
    if (isHead) return { status, headers };
    const stop = start + Math.min(declared, sent);
    const inside = (/** @type {number} */ at) => at >= start && at < stop;
    const cut = take("cut", name, (bytes) => bytes < stop - start);
    const stall = take("stall", name, (bytes) => bytes < stop - start);
    logged.from = start;
    const body = this.#body(read, start, stop, logged, {
      slow: take("slow", name),
      flip: take("flip", name, inside),
      // HTTP/1.1 cannot send less than Content-Length.
      cut: cut ?? (declared > sent ? sent : undefined),
      stall,
    });
    return { status, headers, body };
  }

  /**
   * @param {HubFile["read"]} read
   * @param {number} start
   * @param {number} stop
   * @param {LoggedRequest} logged
   * @param {Record<"slow" | "flip" | "cut" | "stall", string | number | true | undefined>} faults
   */
  async *#body(read, start, stop, logged, { slow, flip, cut, stall }) {
    const limit = Number(cut ?? stall ?? stop - start);
    const speed = slow === undefined ? Infinity : Number(slow);
    // Ten chunks per second look slow rather than jerky.
    const size = Math.max(1, Math.min(this.chunkBytes, speed / 10)) | 0;
    const began = performance.now();
    for await (const chunk of read(start, start + limit, size)) {
      await this.beforeChunk();
      const at = Number(flip ?? -1) - start - logged.bytes;
      const byte = chunk[at];
      if (byte !== undefined) chunk[at] = byte ^ 0xff;
      const due = began + (logged.bytes / speed) * 1000;
      const wait = due - performance.now();
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
      logged.bytes += chunk.length;
      yield chunk;
    }
    await this.beforeChunk();
    if (cut !== undefined) throw new ConnectionCut("The connection is cut.");
    if (stall !== undefined) await new Promise(() => undefined);
  }

  /** Takes from `own`, a fault of this request, or from the list. @param {Fault} [own] */
  #take(own) {
    return (
      /** @type {FaultKind} */ kind,
      /** @type {string} */ file,
      /** @type {(value: number) => boolean} */ applies = () => true,
    ) =>
      own?.kind === kind && applies(Number(own.value))
        ? (own.value ?? true)
        : this.faults.take(kind, file, applies);
  }

  /**
   * The answer of a fault that replaces the file.
   * @param {string} path
   * @param {(kind: FaultKind, file: string) => string | number | true | undefined} take
   * @returns {HubReply | "hang" | "reset" | undefined}
   */
  #faultReply(path, take) {
    if (take("hang", path) !== undefined) return "hang";
    if (take("reset", path) !== undefined) return "reset";
    const status = take("status", path);
    if (status !== undefined) {
      return errorReply(Number(status), "Fault", "A requested fault.");
    }
    const seconds = take("busy", path);
    if (seconds !== undefined) {
      const headers = { "Retry-After": String(seconds) };
      return errorReply(429, "RateLimited", "Rate limit reached.", headers);
    }
    if (take("page", path) !== undefined) {
      const headers = { "Content-Type": "text/html; charset=utf-8" };
      return { status: 200, headers, body: "<!doctype html>Log in" };
    }
    return undefined;
  }
}
