import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

/** transformers.js in a page of its own, never in dist/. */
export default defineConfig({
  root: fileURLToPath(new URL(".", import.meta.url)),
  base: "./",
  publicDir: false,
  logLevel: "warn",
  build: {
    target: "esnext",
    outDir: fileURLToPath(new URL("../../.cache/e2e/parity", import.meta.url)),
    emptyOutDir: true,
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 5000,
  },
});
