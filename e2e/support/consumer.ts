import { createServer } from "node:http";
import type { Frame, Page } from "@playwright/test";
import sirv from "sirv";
import { listen } from "../../tools/cli/server.mjs";
import { firstCaption } from "./first-caption.ts";
import { scenes } from "./scenes.ts";
import { expect } from "./test.ts";

export interface Site {
  readonly url: string;
  readonly close: () => Promise<void>;
}

/** A static server with only these headers; it sends the page `fallback` instead of
 * 404, as servers of single-page apps do. */
export async function serveFolder(
  folder: string,
  headers: Readonly<Record<string, string>> = {},
  fallback?: string,
): Promise<Site> {
  const files = sirv(folder, {
    dev: true,
    ...(fallback !== undefined && { single: fallback, ignores: false }),
  });
  const server = createServer((req, res) => {
    for (const [name, value] of Object.entries(headers)) {
      res.setHeader(name, value);
    }
    files(req, res, () => {
      res.statusCode = 404;
      res.end();
    });
  });
  const port = await listen(server, 0);
  return {
    url: `http://127.0.0.1:${port}/`,
    close: () => {
      server.closeAllConnections();
      return new Promise((done) => server.close(() => done()));
    },
  };
}

/** Presses Start and returns the first caption of a camera frame. */
export async function captionOf(page: Page | Frame): Promise<string> {
  const caption = page.evaluate(firstCaption);
  await page.getByRole("button", { name: "Start" }).click();
  return caption;
}

/** Expects a caption of the fake camera's clip. */
export function expectScene(text: string): void {
  expect(scenes.map(({ caption }) => caption)).toContain(text);
}
