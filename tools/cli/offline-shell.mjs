// @ts-check
/** Injects the list of the page's files into the service worker. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Without a hash, since browsers look for updates at the same URL. */
export const serviceWorker = "sw.js";

/** Files of the bench and the documents, which are not available offline. */
const isOnlineOnly = (/** @type {string} */ name) =>
  /^(documents|(assets\/)?(bench|soak|transformers-js|(counting|roofline)\.worker))\b/.test(
    name,
  );

/** @param {string | Uint8Array} content */
const revisionOf = (content) =>
  createHash("sha256").update(content).digest("hex").slice(0, 16);

/** @returns {import("vite").Plugin} */
export function offlineShell() {
  let publicDir = "";
  return {
    name: "offline-shell",
    apply: "build",
    configResolved: (config) => {
      publicDir = config.publicDir;
    },
    generateBundle: {
      order: "post",
      handler(_options, bundle) {
        const worker = bundle[serviceWorker];
        if (worker?.type !== "chunk") return;
        const files = Object.values(bundle).filter((file) => file !== worker);
        const isRuntime = (/** @type {string} */ name) =>
          name.endsWith(".wasm");
        const runtime = files.map(({ fileName }) => fileName).filter(isRuntime);
        const built = files
          .filter(
            ({ fileName }) => !isRuntime(fileName) && !isOnlineOnly(fileName),
          )
          .map((file) => ({
            url: file.fileName,
            // Names in assets/ contain hashes.
            revision: file.fileName.startsWith("assets/")
              ? null
              : revisionOf(file.type === "chunk" ? file.code : file.source),
          }));
        const served = readdirSync(publicDir, { withFileTypes: true })
          .filter((entry) => entry.isFile())
          .map(({ name }) => ({
            url: name,
            revision: revisionOf(readFileSync(join(publicDir, name))),
          }));
        worker.code = worker.code
          .replace("self.__WB_MANIFEST", JSON.stringify([...built, ...served]))
          .replace("self.__RUNTIME", JSON.stringify(runtime));
      },
    },
  };
}
