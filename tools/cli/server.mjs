// @ts-check
/** Serves the built page with its production headers. */
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import sirv from "sirv";
import { productionHeaders } from "./headers.mjs";

/**
 * @typedef {import("node:http").IncomingMessage} Request
 * @typedef {import("node:http").ServerResponse} Response
 * @typedef {(req: Request, res: Response) => unknown} Handler
 * A handler sees the path after its prefix.
 */

/** @param {string} folder @returns {Handler} serves the current files */
export function folderHandler(folder) {
  return sirv(folder, { dev: true, dotfiles: true });
}

/** @param {string} path @returns {Handler} serves one file at any path */
export function fileHandler(path) {
  return async (_req, res) => {
    res.setHeader("Content-Type", "application/octet-stream");
    res.end(await readFile(path));
  };
}

/** @param {Response} res @param {string} path */
function setCaching(res, path) {
  const hashed = path.startsWith("/assets/");
  res.setHeader(
    "Cache-Control",
    hashed ? "public, max-age=31536000, immutable" : "no-cache",
  );
}

/** @param {Response} res @param {number} status @param {string} text */
function sendText(res, status, text) {
  if (res.headersSent) {
    res.destroy();
    return;
  }
  res.statusCode = status;
  res.setHeader("Content-Type", "text/plain; charset=utf-8");
  res.end(text);
}

/**
 * @param {string} root folder of the built page
 * @param {{ port?: number, allow?: readonly string[] }} [options] `port`: first
 * port to try, 0 for any; `allow`: additional origins of models
 */
export async function serve(root, { port = 0, allow = [] } = {}) {
  const headers = Object.entries(productionHeaders(allow));
  // `dev` looks files up at each request, so that a new build is served.
  const page = sirv(root, { dev: true, etag: true, setHeaders: setCaching });
  /** @type {Map<string, Handler>} */
  const mounts = new Map();

  const server = createServer((req, res) => {
    // sirv does not handle errors of its file streams: a file deleted after the
    // lookup would end the process.
    res.on("pipe", (source) => source.on("error", () => res.destroy()));
    for (const [name, value] of headers) res.setHeader(name, value);
    const url = req.url ?? "/";
    const prefix = [...mounts.keys()].find((start) => url.startsWith(start));
    const handler = prefix === undefined ? undefined : mounts.get(prefix);
    if (prefix === undefined || handler === undefined) {
      page(req, res, () => sendText(res, 404, "Not found"));
      return;
    }
    res.setHeader("Cache-Control", "no-store");
    req.url = `/${url.slice(prefix.length)}`;
    new Promise((resolve) => {
      resolve(handler(req, res));
    }).catch((error) => sendText(res, 502, String(error)));
  });

  const bound = await listen(server, port);
  return {
    url: `http://127.0.0.1:${bound}/`,
    /** @param {string} prefix with leading and trailing slash @param {Handler} handler */
    mount: (prefix, handler) => void mounts.set(prefix, handler),
    /** @param {string} prefix */
    unmount: (prefix) => void mounts.delete(prefix),
    close: async () => {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

/**
 * Listens on `port` or the next free one.
 * @param {import("node:http").Server} server
 * @param {number} port
 * @returns {Promise<number>}
 */
export async function listen(server, port) {
  for (let attempt = port; ; attempt++) {
    try {
      await new Promise((resolve, reject) => {
        server.once("error", reject);
        server.listen(attempt, "127.0.0.1", () => {
          server.off("error", reject);
          resolve(undefined);
        });
      });
      const address = server.address();
      if (address !== null && typeof address === "object") return address.port;
    } catch (error) {
      const { code } = /** @type {NodeJS.ErrnoException} */ (error);
      if (code !== "EADDRINUSE" || attempt >= port + 50) throw error;
    }
  }
}
