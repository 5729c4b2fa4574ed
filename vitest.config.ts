import { playwright } from "@vitest/browser-playwright";
import { defineConfig, mergeConfig } from "vitest/config";
import { requireBrowser, testFlags } from "./tools/cli/browser.mjs";
import viteConfig from "./vite.config.ts";

const inBrowser = ["**/*.browser.test.ts", "**/*.gpu.test.ts"];

export default mergeConfig(
  viteConfig,
  defineConfig({
    test: {
      projects: [
        {
          extends: true,
          test: {
            name: "unit",
            environment: "node",
            include: [
              "{src,workers}/**/*.test.ts",
              "{bench,tools/cli}/**/*.test.{ts,mjs}",
            ],
            exclude: inBrowser,
            // In TypeScript, so it has to be transformed.
            server: { deps: { inline: [/transformers-structured-output/] } },
            testTimeout: 30_000,
          },
        },
        {
          extends: true,
          test: {
            name: "browser",
            include: inBrowser.map((glob) => `{src,workers}/${glob}`),
            // Shaders compile for seconds each on the software adapter.
            testTimeout: 180_000,
            hookTimeout: 180_000,
            // One page at a time: the adapter is the processor itself.
            fileParallelism: false,
            browser: {
              enabled: true,
              headless: true,
              screenshotFailures: false,
              provider: playwright({
                launchOptions: {
                  executablePath: await requireBrowser(),
                  args: testFlags,
                },
              }),
              instances: [{ browser: "chromium" }],
            },
          },
        },
      ],
    },
  }),
);
