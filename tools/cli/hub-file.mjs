// @ts-check
/** Answers a request for a file of a repository. */
import { record } from "./hub-api.mjs";
import { sendBody } from "./hub-body.mjs";
import { readRange } from "./hub-range.mjs";

/**
 * @typedef {import("node:http").IncomingMessage} Request
 * @typedef {import("node:http").ServerResponse} Response
 * @typedef {import("./hub-repository.mjs").HubFile} HubFile
 * @typedef {import("./hub-faults.mjs").Faults} Faults
 */

/** @param {Response} res @param {unknown} value */
export function sendJson(res, value) {
  res.writeHead(200, { "Content-Type": "application/json; charset=utf-8" });
  res.end(JSON.stringify(value));
}

/**
 * A JSON error as the hub's.
 * @param {Response} res
 * @param {number} status
 * @param {string} code
 * @param {string} message
 */
export function sendError(res, status, code, message) {
  res.writeHead(status, {
    "Content-Type": "application/json; charset=utf-8",
    "X-Error-Code": code,
    "X-Error-Message": message,
  });
  res.end(JSON.stringify({ error: message }));
}

/**
 * Faults that answer instead of the file.
 * @param {Response} res
 * @param {string} path
 * @param {Faults} faults
 */
export function sendFault(res, path, faults) {
  if (faults.take("hang", path) !== undefined) return true;
  const status = faults.takeNumber("status", path);
  if (status !== undefined) {
    sendError(res, status, "Fault", "This is a fault that was asked for.");
    return true;
  }
  const seconds = faults.takeNumber("busy", path);
  if (seconds !== undefined) {
    res.setHeader("Retry-After", seconds);
    sendError(res, 429, "RateLimited", "We had to rate limit you.");
    return true;
  }
  return false;
}

/**
 * @param {Request} req
 * @param {Response} res
 * @param {HubFile} file
 * @param {object} context
 * @param {string} context.commit
 * @param {Faults} context.faults
 * @param {string | undefined} context.location to redirect to, if asked for
 * @param {(bytes: number) => void} context.onSent
 */
export async function sendFile(req, res, file, context) {
  const { commit, faults, location, onSent } = context;
  const { path } = file;
  const linked = record(file, faults);
  const etag = `"${linked.sha256 ?? linked.blob}"`;
  const rangeless = faults.take("no-ranges", path) !== undefined;
  res.setHeader("X-Repo-Commit", commit);
  res.setHeader("X-Linked-Size", linked.size);
  res.setHeader("X-Linked-ETag", etag);
  res.setHeader("ETag", etag);
  if (!rangeless) res.setHeader("Accept-Ranges", "bytes");
  if (location !== undefined) {
    res.writeHead(302, { Location: location });
    res.end();
    return;
  }
  // A resumed download of what has changed meanwhile gets all of it.
  const condition = req.headers["if-range"];
  const stale = condition !== undefined && condition !== etag;
  const wanted = rangeless || stale ? undefined : req.headers.range;
  const range = readRange(wanted, file.size);
  if (range === "none") {
    res.setHeader("Content-Range", `bytes */${file.size}`);
    sendError(res, 416, "RangeNotSatisfiable", "The range is not satisfiable.");
    return;
  }
  const start = range?.start ?? 0;
  const length = (range?.end ?? file.size - 1) + 1 - start;
  // HTTP/1.1 cannot send more than it said.
  const told = Math.max(
    0,
    length +
      (req.method === "HEAD" ? 0 : (faults.takeNumber("length", path) ?? 0)),
  );
  if (range !== undefined) {
    const { end } = range;
    res.setHeader("Content-Range", `bytes ${start}-${end}/${file.size}`);
  }
  res.writeHead(range === undefined ? 200 : 206, {
    "Content-Type": path.endsWith(".json")
      ? "application/json; charset=utf-8"
      : "application/octet-stream",
    "Content-Length": told,
  });
  if (req.method === "HEAD") {
    res.end();
    return;
  }
  const end = start + Math.min(told, length);
  const shorter = (/** @type {number} */ bytes) => bytes < end - start;
  const inside = (/** @type {number} */ at) => at >= start && at < end;
  const cut = faults.takeNumber("cut", path, shorter);
  await sendBody(
    res,
    {
      ...{ full: file.full, start, end },
      slow: faults.takeNumber("slow", path),
      flip: faults.takeNumber("flip", path, inside),
      cut: cut ?? (told > length ? length : undefined),
      stall: faults.takeNumber("stall", path, shorter),
    },
    onSent,
  );
}
