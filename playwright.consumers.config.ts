import { defineConfig } from "@playwright/test";
import config from "./playwright.config.ts";

/** `npm run consumers`: the examples, installed from the registry and built. */
export default defineConfig({
  ...config,
  testDir: "e2e/consumers",
  // Those of the other configuration exclude this folder.
  projects: [{ name: "consumers" }],
  // Installing and building take their time.
  timeout: 900_000,
});
