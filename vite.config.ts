import { defaultClientConditions, defineConfig } from "vite";
import { isolationHeaders } from "./tools/cli/headers.mjs";
import { offlineShell, serviceWorker } from "./tools/cli/offline-shell.mjs";
import { structuredOutput } from "./tools/cli/structured-output.mjs";

export default defineConfig({
  // Relative, so that the built page also works in a folder of a site.
  base: "./",
  plugins: [offlineShell(), structuredOutput()],
  server: { headers: isolationHeaders },
  preview: { headers: isolationHeaders },
  resolve: {
    // The runtime without the loaders of its .wasm files: workers/ort names
    // those itself, and the bundles would carry them a second time.
    conditions: ["onnxruntime-web-use-extern-wasm", ...defaultClientConditions],
  },
  build: {
    target: "esnext",
    // The policy allows no data: URL for scripts, styles or fonts.
    assetsInlineLimit: 0,
    // The wasm files are large by nature; the limit is about our own code.
    chunkSizeWarningLimit: 1000,
    // How long a build takes is no warning.
    rolldownOptions: {
      checks: { pluginTimings: false, bundlerTimings: false },
      input: {
        index: "index.html",
        bench: "bench.html",
        soak: "soak.html",
        sw: "workers/offline/sw.ts",
      },
      output: {
        entryFileNames: ({ name }) =>
          name === "sw" ? serviceWorker : "assets/[name]-[hash].js",
      },
    },
  },
  worker: { format: "es", plugins: () => [structuredOutput()] },
  optimizeDeps: {
    // Pre-bundling would part the runtime from its .wasm files.
    exclude: ["onnxruntime-web"],
    // Named, because a dependency found late reloads the page it is found on.
    include: [
      "@huggingface/jinja",
      "@huggingface/tokenizers",
      "comlink",
      "hash-wasm",
      "idb",
      "lit",
      "regjsparser",
      "uplot",
    ],
  },
});
