/**
 * The service worker of the page. Offline, the page starts from its caches, as
 * models do from `workers/store`. Online, the page is always the newest.
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
  /** All files of the page except the runtime's; filled in by the build. */
  readonly __WB_MANIFEST: PrecacheEntry[];
  /** ONNX Runtime's .wasm files, of which a browser needs one. */
  readonly __RUNTIME: string[];
};

const shell = self.__WB_MANIFEST;
const runtime = self.__RUNTIME.map(
  (path) => new URL(path, self.registration.scope).href,
);
const runtimeCache = "fast-vlm-runtime";
const page = new URL("index.html", self.registration.scope).pathname;
const folder = new URL(self.registration.scope).pathname;

// Before the precache route, which would answer with an old page.
registerRoute(
  ({ request, url }) =>
    request.mode === "navigate" && [page, folder].includes(url.pathname),
  async ({ request }) => {
    try {
      return await fetch(request);
    } catch (thrown) {
      const cached = await matchPrecache("index.html");
      if (cached) return cached;
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

/** The page sends a message when a model runs: caches the runtime it uses. */
self.addEventListener("message", (event) => {
  event.waitUntil(cacheRuntime());
});

async function cacheRuntime(): Promise<void> {
  const cache = await caches.open(runtimeCache);
  for (const { url } of await cache.keys()) {
    if (!runtime.includes(url)) await cache.delete(url);
  }
  // The same choice as in workers/ort. Usually still in the HTTP cache.
  const needed = runtime.filter((url) => url.includes("jspi") === canSuspend());
  for (const url of needed) {
    if (!(await cache.match(url))) await cache.add(url);
  }
}
