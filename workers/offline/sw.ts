/**
 * The service worker: with the network off the page starts from what it keeps
 * here, as models do from `workers/store`. Online, the page is the newest.
 */
import {
  cleanupOutdatedCaches,
  matchPrecache,
  precacheAndRoute,
  type PrecacheEntry,
} from "workbox-precaching";
import { registerRoute } from "workbox-routing";
import { CacheFirst } from "workbox-strategies";
import { canSuspend } from "../ort/can-suspend";

declare const self: ServiceWorkerGlobalScope & {
  /** Everything of the page but the runtime; filled in by the build. */
  readonly __WB_MANIFEST: PrecacheEntry[];
  /** The runtime's .wasm files, of which a browser needs one. */
  readonly __RUNTIME: string[];
};

const shell = self.__WB_MANIFEST;
const runtime = self.__RUNTIME.map(
  (path) => new URL(path, self.registration.scope).href,
);
const runtimeCache = "fast-vlm-runtime";
const page = new URL("index.html", self.registration.scope).pathname;
const folder = new URL(self.registration.scope).pathname;

// Before the route of what is kept, which would answer with an old page.
registerRoute(
  ({ request, url }) =>
    request.mode === "navigate" && [page, folder].includes(url.pathname),
  async ({ request }) => {
    try {
      return await fetch(request);
    } catch (thrown) {
      const kept = await matchPrecache("index.html");
      if (kept) return kept;
      throw thrown;
    }
  },
);
precacheAndRoute(shell);
registerRoute(
  ({ url }) => runtime.includes(url.href),
  new CacheFirst({ cacheName: runtimeCache }),
);
cleanupOutdatedCaches();

/** A model runs: keeps the runtime that it needed. */
self.addEventListener("message", (event) => {
  event.waitUntil(keepRuntime());
});

async function keepRuntime(): Promise<void> {
  const cache = await caches.open(runtimeCache);
  for (const { url } of await cache.keys()) {
    if (!runtime.includes(url)) await cache.delete(url);
  }
  // As workers/ort chooses; from the browser's own cache, as a rule.
  const needed = runtime.filter((url) => url.includes("jspi") === canSuspend());
  for (const url of needed) {
    if (!(await cache.match(url))) await cache.add(url);
  }
}
