import { afterEach, beforeEach, expect, test, vi } from "vitest";

beforeEach(() => {
  vi.resetModules();
  const { origin } = new URL(import.meta.url);
  vi.stubGlobal("location", { origin });
  vi.stubGlobal("crossOriginIsolated", true);
  vi.stubGlobal("navigator", { hardwareConcurrency: 8 });
});

afterEach(() => {
  vi.unstubAllGlobals();
});

const threads = async () => (await import("./threads")).cpuThreads();

test("uses up to four threads in an isolated page", async () => {
  expect(await threads()).toBe(4);
  vi.resetModules();
  vi.stubGlobal("navigator", { hardwareConcurrency: 2 });
  expect(await threads()).toBe(2);
});

test("uses one thread without isolation or with a script of another origin", async () => {
  vi.stubGlobal("crossOriginIsolated", false);
  expect(await threads()).toBe(1);
  vi.resetModules();
  vi.stubGlobal("crossOriginIsolated", true);
  vi.stubGlobal("location", { origin: "https://page.example" });
  expect(await threads()).toBe(1);
});

test("creates the Trusted Types policy once, and uses one thread if it is refused", async () => {
  const createPolicy = vi.fn();
  vi.stubGlobal("trustedTypes", { createPolicy });
  const { cpuThreads } = await import("./threads");
  expect([cpuThreads(), cpuThreads()]).toEqual([4, 4]);
  expect(createPolicy).toHaveBeenCalledTimes(1);
  vi.resetModules();
  createPolicy.mockImplementation(() => {
    throw new TypeError("disallowed");
  });
  expect(await threads()).toBe(1);
});
