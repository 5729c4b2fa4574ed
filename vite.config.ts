import { defaultClientConditions, defineConfig } from "vite";
import { isolationHeaders } from "./tools/cli/headers.mjs";
import { assemblyScript } from "./tools/cli/assembly-script.mjs";
import { documentPages } from "./tools/cli/docs/site.mjs";
import { repositoryLink } from "./tools/cli/repository-link.mjs";
import { offlineShell, serviceWorker } from "./tools/cli/offline-shell.mjs";

/** Build times are no reason for warnings. */
const checks = { pluginTimings: false, bundlerTimings: false };

export default defineConfig({
  // Relative, so that the built page works in any folder of a site.
  base: "./",
  plugins: [
    assemblyScript(),
    documentPages(),
    repositoryLink(),
    offlineShell(),
  ],
  server: { headers: isolationHeaders },
  preview: { headers: isolationHeaders },
  resolve: {
    // ONNX Runtime without its wasm loaders, which workers/ort imports itself;
    // otherwise the bundles would contain them twice.
    conditions: ["onnxruntime-web-use-extern-wasm", ...defaultClientConditions],
  },
  build: {
    target: "esnext",
    // The CSP allows no data: URLs for scripts, styles or fonts.
    assetsInlineLimit: 0,
    // For our own code; the wasm files are larger anyway.
    chunkSizeWarningLimit: 1000,
    rolldownOptions: {
      checks,
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
  worker: {
    format: "es",
    plugins: () => [assemblyScript()],
    rolldownOptions: { checks },
  },
  optimizeDeps: {
    // Pre-bundling would separate ONNX Runtime from its .wasm files.
    exclude: ["onnxruntime-web"],
    // Listed, because Vite reloads the page when it discovers a dependency late.
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
