import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { environmentKey } from "./environment-key";

beforeEach(() => {
  vi.stubGlobal("navigator", { userAgent: "a browser" });
  vi.stubEnv("DEV", false);
});

afterEach(() => {
  vi.unstubAllEnvs();
  vi.unstubAllGlobals();
});

const device = (vendor: string, ...features: string[]) =>
  ({ adapterInfo: { vendor }, features }) as unknown as GPUDevice;

test("the key depends on adapter, features, browser and facts", async () => {
  const key = await environmentKey(device("a", "f16"), 1);
  expect(key).toMatch(/^[0-9a-f]{64}$/);
  expect(await environmentKey(device("a", "f16"), 1)).toBe(key);
  const others = [
    await environmentKey(device("b", "f16"), 1),
    await environmentKey(device("a"), 1),
    await environmentKey(undefined, 1),
    await environmentKey(device("a", "f16"), 2),
  ];
  vi.stubGlobal("navigator", { userAgent: "another" });
  others.push(await environmentKey(device("a", "f16"), 1));
  expect(new Set([key, ...others]).size).toBe(6);
});

test("there is no key under the development server", async () => {
  vi.stubEnv("DEV", true);
  expect(await environmentKey(device("a"))).toBeUndefined();
});
