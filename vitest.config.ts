import { playwright } from "@vitest/browser-playwright";
import { defineConfig, mergeConfig } from "vitest/config";
import { requireBrowser, testFlags } from "./tools/cli/browser.mjs";
import viteConfig from "./vite.config.ts";

const browser = await requireBrowser();

const units = [
  "{src,workers}/**/*.test.ts",
  "{bench,tools/cli}/**/*.test.{ts,mjs}",
];
const inBrowser = ["**/*.browser.test.ts", "**/*.gpu.test.ts"];
/** Run by `npm run test:long`, before a release. */
const longUnits = ["{src,workers}/**/*.long.test.ts"];
const longInBrowser = ["**/*.long.browser.test.ts", "**/*.long.gpu.test.ts"];
/** Have a page of their own, since they replace modules or need fresh ones. */
const isolated = ["**/*.isolated.browser.test.ts", "**/*.isolated.gpu.test.ts"];

/** Only a hung test reaches this: a busy machine may be many times slower. */
const timeLimits = { testTimeout: 900_000, hookTimeout: 900_000 };

const setupFiles = ["tools/cli/test-setup.mjs"];

const unitProject = (name: string, include: string[], exclude: string[]) => ({
  extends: true as const,
  test: {
    name,
    environment: "node" as const,
    include,
    exclude,
    setupFiles: [...setupFiles, "tools/cli/relaxed-simd.mjs"],
    ...timeLimits,
  },
});

const browserProject = (
  name: string,
  include: string[],
  exclude: string[],
  isolate: boolean,
) => ({
  extends: true as const,
  test: {
    name,
    include: include.map((glob) => `{src,workers}/${glob}`),
    exclude,
    isolate,
    setupFiles,
    ...timeLimits,
    // One page at a time: the software adapter computes on the processor.
    fileParallelism: false,
    browser: {
      // A machine without a network may not resolve localhost.
      api: { host: "127.0.0.1" },
      enabled: true,
      headless: true,
      screenshotFailures: false,
      provider: playwright({
        launchOptions: { executablePath: browser, args: testFlags },
      }),
      instances: [{ browser: "chromium" as const }],
    },
  },
});

export default mergeConfig(
  viteConfig,
  defineConfig({
    test: {
      projects: [
        unitProject("unit", units, [...inBrowser, ...longUnits]),
        unitProject("unit-long", longUnits, []),
        // One page for all files: modules and ONNX Runtime are loaded once.
        browserProject(
          "browser",
          inBrowser,
          [...isolated, ...longInBrowser],
          false,
        ),
        browserProject("isolated", isolated, [], true),
        browserProject("browser-long", longInBrowser, [], true),
      ],
    },
  }),
);
