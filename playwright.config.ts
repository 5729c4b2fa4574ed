import { defineConfig } from "@playwright/test";
import {
  cameraFlags,
  requireBrowser,
  testFlags,
} from "./tools/cli/browser.mjs";
import { clip } from "./e2e/support/paths.ts";

export default defineConfig({
  testDir: "e2e",
  // They need the registry: `npm run consumers`.
  testIgnore: "consumers/**",
  outputDir: "test-results",
  globalSetup: "./e2e/support/setup.ts",
  // One page at a time: the graphics card is the processor itself.
  workers: 1,
  forbidOnly: process.env["CI"] !== undefined,
  reporter: process.env["PLAYWRIGHT_JSON_OUTPUT_FILE"]
    ? [["list"], ["json"]]
    : [["list"]],
  timeout: 180_000,
  expect: { timeout: 60_000 },
  use: {
    browserName: "chromium",
    launchOptions: {
      executablePath: await requireBrowser(),
      args: [...testFlags, ...cameraFlags(clip)],
    },
  },
});
