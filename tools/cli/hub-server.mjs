// @ts-check
/** A store on loopback that answers as huggingface.co does, and fails on demand. */
import { createServer } from "node:http";
import { json } from "node:stream/consumers";
import { checkFault, Faults } from "./hub-faults.mjs";
import { sendError, sendJson } from "./hub-file.mjs";
import { Repository } from "./hub-repository.mjs";
import { route } from "./hub-routes.mjs";
import { listen } from "./server.mjs";

/**
 * @typedef {import("node:http").IncomingMessage} Request
 * @typedef {import("node:http").ServerResponse} Response
 * @typedef {import("./hub-faults.mjs").Fault} Fault
 * @typedef {import("./hub-routes.mjs").Logged} Logged
 */

const cors = {
  "Access-Control-Allow-Origin": "*",
  "Access-Control-Expose-Headers":
    "X-Repo-Commit,X-Error-Code,X-Error-Message,X-Linked-Size,X-Linked-ETag,ETag,Accept-Ranges,Content-Range,Content-Length,Retry-After,Link",
  // Pages that are cross-origin isolated take nothing without it.
  "Cross-Origin-Resource-Policy": "cross-origin",
  // Each request shall be seen in the log.
  "Cache-Control": "no-store",
};

const preflight = {
  "Access-Control-Allow-Methods": "GET, HEAD, OPTIONS, POST, DELETE",
  "Access-Control-Allow-Headers":
    "Authorization, Content-Type, Range, If-Range, If-None-Match",
  "Access-Control-Allow-Private-Network": "true",
};

/**
 * @param {object} options
 * @param {Readonly<Record<string, string>>} options.models id → folder
 * @param {number} [options.port] the first to try; 0 for any
 * @param {readonly Fault[]} [options.faults]
 * @param {(request: Logged) => void} [options.onEnd] of each request
 */
export async function startHub({ models, port = 0, faults = [], onEnd }) {
  const waiting = new Faults();
  for (const fault of faults) waiting.add(fault);
  /** @type {Logged[]} */
  const requests = [];

  /** @param {Request} req @param {Response} res */
  const handle = (req, res) => {
    for (const [name, value] of Object.entries(cors)) {
      res.setHeader(name, value);
    }
    if (req.method === "OPTIONS") {
      res.writeHead(204, preflight).end();
      return;
    }
    const url = new URL(req.url ?? "/", "http://hub");
    /** @type {Logged} */
    const logged = {
      ...{ method: req.method ?? "GET", path: url.pathname, file: "" },
      ...{ range: req.headers.range, status: 0, bytes: 0 },
    };
    const isControl = /^\/(requests|faults)$/.test(url.pathname);
    if (!isControl) {
      requests.push(logged);
      res.once("close", () => {
        if (res.headersSent) logged.status = res.statusCode;
        onEnd?.(logged);
      });
    }
    const answered = isControl
      ? control(req, res, url.pathname)
      : route(context, req, res, url, logged);
    answered.catch((error) => {
      if (res.headersSent) res.destroy();
      else sendError(res, 500, "InternalError", String(error));
    });
  };

  /** Faults and the log, at run time. @param {Request} req @param {Response} res @param {string} path */
  async function control(req, res, path) {
    if (req.method === "DELETE") {
      if (path === "/faults") waiting.clear();
      else requests.length = 0;
    } else if (req.method === "POST" && path === "/faults") {
      try {
        const given = [/** @type {unknown} */ (await json(req))].flat();
        for (const fault of given.map(checkFault)) waiting.add(fault);
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        sendError(res, 400, "BadRequest", message);
        return;
      }
    }
    sendJson(res, path === "/faults" ? waiting.list() : requests);
  }

  /** @param {number} first */
  const open = async (first) => {
    const server = createServer(handle);
    return { server, url: `http://127.0.0.1:${await listen(server, first)}` };
  };
  /** @type {ReturnType<typeof open> | undefined} */
  let second;
  const context = {
    repositories: Object.entries(models).map(
      ([id, folder]) => new Repository(id, folder),
    ),
    faults: waiting,
    other: async () => (await (second ??= open(0))).url,
  };
  const first = await open(port);

  return {
    /** The endpoint, without a trailing slash. */
    url: first.url,
    faults: waiting,
    requests,
    close: async () => {
      for (const { server } of [first, ...(second ? [await second] : [])]) {
        server.closeAllConnections();
        await new Promise((done) => server.close(done));
      }
    },
  };
}

/** @typedef {Awaited<ReturnType<typeof startHub>>} Hub */
