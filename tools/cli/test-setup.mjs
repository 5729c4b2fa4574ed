// @ts-check
/** Run before each file of tests by Vitest, in Node and in the browser. */
import { afterAll, vi } from "vitest";

const { waitFor } = vi;

/**
 * Waits end with what they wait for, however busy the machine is. By default,
 * they fail after a second. Only what never happens reaches this limit.
 */
vi.waitFor = (callback, options) =>
  waitFor(callback, options ?? { timeout: 120_000 });

// The next file may run in the same page.
afterAll(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});
