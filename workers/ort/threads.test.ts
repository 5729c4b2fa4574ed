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

test("an isolated page has up to four", async () => {
  expect(await threads()).toBe(4);
  vi.resetModules();
  vi.stubGlobal("navigator", { hardwareConcurrency: 2 });
  expect(await threads()).toBe(2);
});

test("one where memory is not shared, or our files are of elsewhere", async () => {
  vi.stubGlobal("crossOriginIsolated", false);
  expect(await threads()).toBe(1);
  vi.resetModules();
  vi.stubGlobal("crossOriginIsolated", true);
  vi.stubGlobal("location", { origin: "https://page.example" });
  expect(await threads()).toBe(1);
});

test("the policy for their addresses is made once; refused, it is one", async () => {
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
