// @ts-check
/** The part of a file that a request to the hub gets, spoiled by faults. */
import { errorReply } from "./reply.mjs";

/**
 * @typedef {import("./fake-hub.mjs").HubFile} HubFile
 * @typedef {import("./fake-hub.mjs").HubRequest} HubRequest
 * @typedef {import("./fake-hub.mjs").LoggedRequest} LoggedRequest
 * @typedef {import("./faults.mjs").TakeFault} TakeFault
 * @typedef {import("./reply.mjs").HubReply} HubReply
 */

/**
 * The part of a file that a Range header requests (RFC 9110, section 14):
 * `undefined`: all of it; `"none"`: nothing, since it is outside of the file.
 * @param {string | undefined} header
 * @param {number} size
 * @returns {{ start: number, end: number } | "none" | undefined} `end` exclusive
 */
export function parseRange(header, size) {
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

/**
 * @typedef {object} Pace
 * @property {number} chunkBytes bytes per chunk of a body
 * @property {() => void | Promise<void>} beforeChunk
 *
 * @param {HubRequest} request
 * @param {Pick<HubFile, "path" | "size" | "read">} file
 * @param {Readonly<Record<string, string>>} given headers
 * @param {TakeFault} take
 * @param {LoggedRequest} logged
 * @param {Pace} pace
 * @returns {HubReply}
 */
export function fileReply(request, file, given, take, logged, pace) {
  const { path, size } = file;
  const isHead = request.method === "HEAD";
  const chunked = take("chunked", path) !== undefined;
  const rangeless = take("no-ranges", path) !== undefined || chunked;
  const wanted = parseRange(request.header("range"), size);
  const range = rangeless ? undefined : wanted;
  /** @type {Record<string, string>} */
  const headers = { ...given };
  if (!rangeless) headers["Accept-Ranges"] = "bytes";
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
  const early = isHead
    ? undefined
    : take("end", path, (bytes) => bytes < length);
  const delta = isHead ? undefined : take("length", path);
  const sent = early === undefined ? length : Number(early);
  const declared = Math.max(0, sent + Number(delta ?? 0));
  if (!chunked) headers["Content-Length"] = String(declared);
  const status = range === undefined ? 200 : 206;
  if (isHead) return { status, headers };
  const stop = start + Math.min(declared, sent);
  const inside = (/** @type {number} */ at) => at >= start && at < stop;
  const cut = take("cut", path, (bytes) => bytes < stop - start);
  const stall = take("stall", path, (bytes) => bytes < stop - start);
  logged.from = start;
  const faults = {
    slow: take("slow", path),
    flip: take("flip", path, inside),
    // HTTP/1.1 cannot send less than Content-Length.
    cut: cut ?? (declared > sent ? sent : undefined),
    stall,
  };
  return { status, headers, body: bodyOf(file, start, stop, faults) };

  /**
   * @param {Pick<HubFile, "read">} file
   * @param {number} start
   * @param {number} stop
   * @param {Record<"slow" | "flip" | "cut" | "stall", number | true | undefined>} faults
   */
  async function* bodyOf({ read }, start, stop, { slow, flip, cut, stall }) {
    const limit = Number(cut ?? stall ?? stop - start);
    const speed = slow === undefined ? Infinity : Number(slow);
    // Ten chunks per second look slow rather than jerky.
    const bytes = Math.max(1, Math.min(pace.chunkBytes, speed / 10)) | 0;
    const began = performance.now();
    for await (const chunk of read(start, start + limit, bytes)) {
      await pace.beforeChunk();
      const at = Number(flip ?? -1) - start - logged.bytes;
      const byte = chunk[at];
      if (byte !== undefined) chunk[at] = byte ^ 0xff;
      const due = began + (logged.bytes / speed) * 1000;
      const wait = due - performance.now();
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
      logged.bytes += chunk.length;
      yield chunk;
    }
    await pace.beforeChunk();
    if (cut !== undefined) throw new ConnectionCut("The connection is cut.");
    if (stall !== undefined) await new Promise(() => undefined);
  }
}
