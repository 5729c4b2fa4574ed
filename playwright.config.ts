import { defineConfig } from "@playwright/test";
import {
  cameraFlags,
  requireBrowser,
  testFlags,
} from "./tools/cli/browser.mjs";
import { clip } from "./e2e/support/paths.ts";

export default defineConfig({
  testDir: "e2e",
  projects: [
    {
      name: "e2e",
      // Consumers need the package registry: `npm run consumers`.
      testIgnore: ["consumers/**", "**/*.long.spec.ts"],
    },
    { name: "e2e-long", testMatch: "**/*.long.spec.ts" },
  ],
  outputDir: "test-results",
  globalSetup: "./e2e/support/setup.ts",
  // One page at a time: the software adapter computes on the processor.
  workers: 1,
  forbidOnly: process.env["CI"] !== undefined,
  reporter: "list",
  // Only a hung test reaches these: a busy machine may be many times slower.
  timeout: 900_000,
  expect: { timeout: 300_000 },
  use: {
    browserName: "chromium",
    launchOptions: {
      executablePath: await requireBrowser(),
      args: [...testFlags, ...cameraFlags(clip)],
    },
  },
});
