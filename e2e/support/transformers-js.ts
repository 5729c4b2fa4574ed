import { join } from "node:path";
import { build } from "vite";
import { folderHandler } from "../../tools/cli/server.mjs";
import { scratch } from "./paths.ts";
import type { Server } from "./test.ts";

/** Builds the page that runs transformers.js, and serves it at /parity/. */
export async function serveTransformersJs(server: Server): Promise<void> {
  await build({ configFile: "e2e/parity/vite.config.ts" });
  server.mount("/parity/", folderHandler(join(scratch, "parity")));
}
