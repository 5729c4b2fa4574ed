import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

/** Builds the transformers.js page, which is not part of dist/. */
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
