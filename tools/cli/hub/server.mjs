// @ts-check
/** Serves model folders over HTTP on loopback, as a hub with faults on demand. */
import { createHash } from "node:crypto";
import { once } from "node:events";
import {
  createReadStream,
  mkdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:http";
import { dirname, join } from "node:path";
import { json } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { walk } from "../folder-files.mjs";
import { cache } from "../prepare.mjs";
import { listen } from "../server.mjs";
import { FakeHub, isInLfs, lfsPointer } from "./fake-hub.mjs";
import { checkFault } from "./faults.mjs";
import { ConnectionCut } from "./file-reply.mjs";
import { errorReply } from "./reply.mjs";

/**
 * @typedef {import("node:http").IncomingMessage} Request
 * @typedef {import("node:http").ServerResponse} Response
 * @typedef {import("./fake-hub.mjs").HubFile} HubFile
 * @typedef {import("./fake-hub.mjs").LoggedRequest} LoggedRequest
 * @typedef {import("./fake-hub.mjs").Snapshot} Snapshot
 * @typedef {import("./faults.mjs").Fault} Fault
 * @typedef {import("./reply.mjs").HubReply} HubReply
 * @typedef {import("../folder-files.mjs").Entry} Entry
 */

/**
 * @param {object} options
 * @param {Readonly<Record<string, string>>} options.models id → folder
 * @param {number} [options.port] the first to try; 0 for any
 * @param {readonly Fault[]} [options.faults]
 * @param {(request: LoggedRequest) => void} [options.onEnd] of each request
 */
export async function startHub({ models, port = 0, faults = [], onEnd }) {
  const repositories = Object.entries(models).map(([id, folder]) => ({
    id,
    snapshot: folderSnapshots(folder),
  }));
  /** @param {number} first port to try */
  const open = async (first) => {
    const server = createServer();
    const origin = `http://127.0.0.1:${await listen(server, first)}`;
    return { server, origin };
  };
  const main = await open(port);
  const cdn = await open(0);
  const servers = [main, cdn];
  const origins = { hub: main.origin, cdn: cdn.origin };
  const hub = new FakeHub(repositories, origins);
  for (const fault of faults) hub.faults.add(fault);
  for (const { server, origin } of servers) {
    server.on("request", (req, res) => {
      const url = new URL(req.url ?? "/", origin);
      const isControl = /^\/(requests|faults)$/.test(url.pathname);
      const answer = isControl
        ? control(hub, req, url.pathname).then((reply) => send(res, reply))
        : serve(hub, req, res, url, onEnd);
      answer.catch((error) => {
        if (res.headersSent) res.destroy();
        else send(res, errorReply(500, "InternalError", String(error)));
      });
    });
  }
  return {
    /** The endpoint, without a trailing slash. */
    url: main.origin,
    /** Where large files come from. */
    cdnUrl: cdn.origin,
    faults: hub.faults,
    requests: hub.requests,
    close: async () => {
      for (const { server } of servers) {
        server.closeAllConnections();
        await new Promise((done) => server.close(done));
      }
    },
  };
}

/** @typedef {Awaited<ReturnType<typeof startHub>>} Hub */

/** @param {Response} res @param {HubReply} reply */
function send(res, { status, headers, body }) {
  res.writeHead(status, headers);
  res.end(typeof body === "string" ? body : undefined);
}

/**
 * Reads and changes faults and the log at run time.
 * @param {FakeHub} hub
 * @param {Request} req
 * @param {string} path
 * @returns {Promise<HubReply>}
 */
async function control(hub, req, path) {
  if (req.method === "DELETE") {
    if (path === "/faults") hub.faults.clear();
    else hub.requests.length = 0;
  } else if (req.method === "POST" && path === "/faults") {
    try {
      const given = [/** @type {unknown} */ (await json(req))].flat();
      for (const fault of given.map(checkFault)) hub.faults.add(fault);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      return errorReply(400, "BadRequest", message);
    }
  }
  const value = path === "/faults" ? hub.faults.list() : hub.requests;
  const headers = { "Content-Type": "application/json; charset=utf-8" };
  return { status: 200, headers, body: JSON.stringify(value) };
}

/** @param {FakeHub} hub @param {Request} req @param {Response} res @param {URL} url @param {((request: LoggedRequest) => void) | undefined} onEnd */
async function serve(hub, req, res, url, onEnd) {
  const { method = "GET" } = req;
  const closed = new AbortController();
  res.once("close", () => closed.abort());
  const header = (/** @type {string} */ name) => {
    const value = req.headers[name];
    return Array.isArray(value) ? value.join() : value;
  };
  const { logged, reply } = await hub.respond({ method, url, header });
  const end = () => onEnd?.(logged);
  if (res.closed) end();
  else res.once("close", end);
  if (reply === "hang") return;
  if (reply === "reset") return void res.socket?.destroy();
  const { status, headers, body } = reply;
  if (typeof body !== "object") return send(res, reply);
  res.writeHead(status, headers);
  const { signal } = closed;
  try {
    for await (const chunk of body) {
      if (signal.aborted) return;
      if (!res.write(chunk)) await once(res, "drain", { signal });
    }
    res.end();
  } catch (error) {
    if (signal.aborted) return;
    if (!(error instanceof ConnectionCut)) throw error;
    // The written bytes still arrive.
    res.flushHeaders();
    res.socket?.destroySoon();
  }
}

/**
 * A folder as the branch of a repository: hashed again when it changes.
 * @param {string} folder
 * @returns {() => Promise<Snapshot>}
 */
function folderSnapshots(folder) {
  /** @type {{ state: string, snapshot: Promise<Snapshot> } | undefined} */
  let latest;
  return () => {
    const entries = walk(folder);
    const state = JSON.stringify(entries);
    if (latest?.state === state) return latest.snapshot;
    const current = (latest = { state, snapshot: readSnapshot(entries) });
    current.snapshot.catch(() => {
      if (latest === current) latest = undefined;
    });
    return current.snapshot;
  };
}

/** @param {Entry[]} entries @returns {Promise<Snapshot>} */
async function readSnapshot(entries) {
  const commit = createHash("sha1");
  /** @type {Map<string, HubFile>} */
  const files = new Map();
  for (const entry of entries) {
    const { path, full, size } = entry;
    const sha256 = isInLfs(entry) ? await hashFile("sha256", entry) : undefined;
    const pointer = sha256 === undefined ? undefined : lfsPointer(sha256, size);
    const blob =
      pointer === undefined
        ? await hashFile("git", entry)
        : createHash("sha1")
            .update(`blob ${pointer.length}\0${pointer}`)
            .digest("hex");
    files.set(path, {
      ...{ path, size, blob, ...(sha256 !== undefined && { sha256 }) },
      read: (start, end, highWaterMark) =>
        start === end
          ? []
          : createReadStream(full, { start, end: end - 1, highWaterMark }),
    });
    commit.update(`${path}\0${blob}\n`);
  }
  const readme = entries.find(({ path }) => path === "README.md");
  const card = readme === undefined ? {} : readCard(readme.full);
  return { commit: commit.digest("hex"), files, card };
}

/** The metadata at the head of a README. @param {string} path @returns {Record<string, string>} */
function readCard(path) {
  const text = readFileSync(path, "utf8");
  const [, head = ""] = /^---\r?\n(.*?)\r?\n---/s.exec(text) ?? [];
  return Object.fromEntries(
    [...head.matchAll(/^([\w-]+):[ \t]*(\S.*?)[ \t\r]*$/gm)].map(
      ([, key = "", value = ""]) => [
        key,
        value.replace(/^(["'])(.*)\1$/, "$2"),
      ],
    ),
  );
}

const hashCache = join(cache, "hub-hashes.json");
/** Bytes; smaller files are hashed again in each process. */
const MIN_CACHED_SIZE = 16 * 2 ** 20;

/** @type {Map<string, Promise<string>> | undefined} */
let hashes;

/**
 * Hashes a file once per size and date, for large files across processes.
 * @param {"git" | "sha256"} kind `git`: of a blob with that content
 * @param {Entry} file
 */
function hashFile(kind, { full, size, time }) {
  const known = (hashes ??= new Map(
    Object.entries(readHashes()).map(([key, hash]) => [
      key,
      Promise.resolve(hash),
    ]),
  ));
  const key = `${kind} ${size} ${time} ${full}`;
  const cached = known.get(key);
  if (cached !== undefined) return cached;
  const hash = computeHash(kind, full, size);
  known.set(key, hash);
  hash.then(
    (value) => {
      if (size < MIN_CACHED_SIZE) return;
      mkdirSync(dirname(hashCache), { recursive: true });
      const all = { ...readHashes(), [key]: value };
      writeFileSync(hashCache, JSON.stringify(all, null, 1));
    },
    () => known.delete(key),
  );
  return hash;
}

/** @returns {Record<string, string>} */
function readHashes() {
  try {
    /** @type {unknown} */
    const stored = JSON.parse(readFileSync(hashCache, "utf8"));
    return /** @type {Record<string, string>} */ (stored);
  } catch {
    // The cache does not exist yet, or was truncated.
    return {};
  }
}

/** @param {"git" | "sha256"} kind @param {string} full @param {number} size */
async function computeHash(kind, full, size) {
  const hash = createHash(kind === "git" ? "sha1" : "sha256");
  if (kind === "git") hash.update(`blob ${size}\0`);
  await pipeline(createReadStream(full), hash);
  return hash.digest("hex");
}
