import { playwright } from "@vitest/browser-playwright";
import { defineConfig, mergeConfig } from "vitest/config";
import { requireBrowser, testFlags } from "./tools/cli/browser.mjs";
import viteConfig from "./vite.config.ts";

const browser = await requireBrowser();

const inBrowser = ["**/*.browser.test.ts", "**/*.gpu.test.ts"];
/** Run by `npm run test:long`, before a release. */
const long = ["**/*.long.browser.test.ts", "**/*.long.gpu.test.ts"];

/** Only a hung test reaches this: a busy machine may be many times slower. */
const timeLimits = { testTimeout: 900_000, hookTimeout: 900_000 };

const browserProject = (
  name: string,
  include: string[],
  exclude: string[],
) => ({
  extends: true as const,
  test: {
    name,
    include: include.map((glob) => `{src,workers}/${glob}`),
    exclude,
    ...timeLimits,
    // One page at a time: the software adapter computes on the processor.
    fileParallelism: false,
    browser: {
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
        {
          extends: true,
          test: {
            name: "unit",
            environment: "node",
            include: [
              "{src,workers}/**/*.test.ts",
              "{bench,tools/cli}/**/*.test.{ts,mjs}",
            ],
            exclude: [...inBrowser, "**/*.long.test.{ts,mjs}"],
            // In TypeScript, so it has to be transformed.
            server: { deps: { inline: [/transformers-structured-output/] } },
            ...timeLimits,
          },
        },
        browserProject("browser", inBrowser, long),
        browserProject("browser-long", long, []),
      ],
    },
  }),
);
