// @ts-check
/** Which repository, revision and file a request of the hub means. */
import { modelInfo, tree } from "./hub-api.mjs";
import { sendError, sendFault, sendFile, sendJson } from "./hub-file.mjs";

/**
 * @typedef {import("node:http").IncomingMessage} Request
 * @typedef {import("node:http").ServerResponse} Response
 * @typedef {import("./hub-faults.mjs").Faults} Faults
 * @typedef {import("./hub-repository.mjs").Repository} Repository
 * @typedef {import("./hub-repository.mjs").Snapshot} Snapshot
 *
 * @typedef {object} Logged a request, in the order they came
 * @property {string} method
 * @property {string} path
 * @property {string} file of a model; empty for anything else
 * @property {string | undefined} range
 * @property {number} status 0 while there is none
 * @property {number} bytes of the file that were sent
 *
 * @typedef {object} Context
 * @property {readonly Repository[]} repositories
 * @property {Faults} faults
 * @property {() => Promise<string>} other address of the port to redirect to
 */

/** As of any server that knows no such address. @param {Response} res */
function sendUnknown(res) {
  res.writeHead(404, { "Content-Type": "text/plain; charset=utf-8" });
  res.end("Not Found");
}

/** @param {URL} url @param {string} name */
const isSet = (url, name) =>
  /^(true|1)$/i.test(url.searchParams.get(name) ?? "");

/** Whether there is that revision; says so if not. @param {Response} res @param {string} revision @param {Snapshot} snapshot */
function checkRevision(res, revision, { commit }) {
  if (revision === "main" || revision === commit) return true;
  sendError(res, 404, "RevisionNotFound", `Invalid rev id: ${revision}`);
  return false;
}

/**
 * @param {Context} context
 * @param {Request} req
 * @param {Response} res
 * @param {URL} url
 * @param {Logged} logged
 */
export async function route(context, req, res, url, logged) {
  const path = decodeURIComponent(url.pathname);
  const [, api] = /^\/api\/models\/(.*)$/.exec(path) ?? [];
  const moved = path.startsWith("/cdn/");
  const target = api ?? path.slice(moved ? "/cdn/".length : 1);
  const repository = context.repositories.find(({ id }) =>
    `${target}/`.startsWith(`${id}/`),
  );
  if (req.method !== "GET" && req.method !== "HEAD") {
    sendError(res, 405, "MethodNotAllowed", "Only GET and HEAD.");
  } else if (repository === undefined) {
    sendError(res, 404, "RepoNotFound", "Repository not found");
  } else {
    const rest = target.slice(repository.id.length + 1);
    if (api !== undefined) await sendApi(context, res, url, repository, rest);
    else {
      await sendResolved(context, req, res, repository, rest, moved, logged);
    }
  }
}

/**
 * @param {Context} context
 * @param {Response} res
 * @param {URL} url
 * @param {Repository} repository
 * @param {string} rest behind the id
 */
async function sendApi({ faults }, res, url, repository, rest) {
  const path = `api/${rest}`;
  if (faults.take("no-api", path) !== undefined) {
    sendUnknown(res);
    return;
  }
  if (sendFault(res, path, faults)) return;
  const [, kind, revision = "main", below = ""] =
    /^(revision|tree)\/([^/]+)(?:\/(.*))?$/.exec(rest) ?? [];
  if (rest !== "" && kind === undefined) {
    sendUnknown(res);
    return;
  }
  const snapshot = await repository.snapshot();
  if (!checkRevision(res, revision, snapshot)) return;
  if (kind !== "tree") {
    const { id } = repository;
    sendJson(res, modelInfo(id, snapshot, isSet(url, "blobs"), faults));
    return;
  }
  const folder = below.replace(/([^/])\/?$/, "$1/");
  const entries = tree(snapshot, folder, isSet(url, "recursive"), faults);
  if (entries !== undefined) sendJson(res, entries);
  else sendError(res, 404, "EntryNotFound", `${below} does not exist`);
}

/**
 * @param {Context} context
 * @param {Request} req
 * @param {Response} res
 * @param {Repository} repository
 * @param {string} rest behind the id
 * @param {boolean} moved whether a redirect led here
 * @param {Logged} logged
 */
async function sendResolved(
  { faults, other },
  req,
  res,
  repository,
  rest,
  moved,
  logged,
) {
  const [, revision, name] = /^resolve\/([^/]+)\/(.+)$/.exec(rest) ?? [];
  if (revision === undefined || name === undefined) {
    sendUnknown(res);
    return;
  }
  logged.file = name;
  const snapshot = await repository.snapshot();
  if (!checkRevision(res, revision, snapshot)) return;
  const { commit, files } = snapshot;
  const file = files.get(name);
  if (file === undefined || faults.take("missing", name) !== undefined) {
    res.setHeader("X-Repo-Commit", commit);
    sendError(res, 404, "EntryNotFound", "Entry not found");
    return;
  }
  const elsewhere = moved ? undefined : faults.take("redirect", name);
  /** @type {string | undefined} */
  let location;
  if (elsewhere !== undefined) {
    const base = elsewhere === "port" ? await other() : "";
    const address = `${repository.id}/resolve/${commit}/${name}`;
    location = `${base}/cdn/${address.split("/").map(encodeURIComponent).join("/")}`;
    // Other faults happen there.
  } else if (sendFault(res, name, faults)) return;
  const onSent = (/** @type {number} */ bytes) => (logged.bytes += bytes);
  await sendFile(req, res, file, { commit, faults, location, onSent });
}
