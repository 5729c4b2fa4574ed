import { test as base, type Page } from "@playwright/test";
import { serve } from "../../tools/cli/server.mjs";
import { dist } from "./paths.ts";

export type Server = Awaited<ReturnType<typeof serve>>;

interface Watch {
  /** Console errors and uncaught exceptions. */
  readonly errors: string[];
  /** Requested URLs of other origins. */
  readonly foreign: string[];
}

interface Fixtures {
  /** Errors and foreign requests of the test's page. */
  readonly watch: Watch;
}

interface WorkerFixtures {
  readonly server: Server;
}

/** Playwright's `test` with the built page served, and its page watched. */
export const test = base.extend<Fixtures, WorkerFixtures>({
  server: [
    // Playwright reads the names of what a fixture uses from this pattern.
    // eslint-disable-next-line no-empty-pattern
    async ({}, use) => {
      const server = await serve(dist);
      await use(server);
      await server.close();
    },
    { scope: "worker" },
  ],
  baseURL: async ({ server }, use) => {
    await use(server.url);
  },
  watch: [
    async ({ page, server }, use) => {
      const watch = watchPage(page, server.url);
      await use(watch);
    },
    { auto: true },
  ],
});

export { expect } from "@playwright/test";

/** Errors of a page and its worker. */
export function troublesOf(page: Page): string[] {
  const troubles: string[] = [];
  page.on("console", (message) => {
    // Browsers request a favicon.
    const { url } = message.location();
    if (message.type() !== "error" || url.endsWith("/favicon.ico")) return;
    troubles.push(`${message.text()} (${url})`);
  });
  page.on("pageerror", (error) => troubles.push(String(error)));
  return troubles;
}

function watchPage(page: Page, url: string): Watch {
  const watch: Watch = { errors: troublesOf(page), foreign: [] };
  page.context().on("request", (request) => {
    const local = /^(data|blob):/.test(request.url());
    if (!local && !request.url().startsWith(url)) {
      watch.foreign.push(request.url());
    }
  });
  return watch;
}
