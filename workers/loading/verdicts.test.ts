import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Plan } from "./plan";
import { verdictKey } from "./verdicts";

beforeEach(() => {
  vi.stubGlobal("navigator", { userAgent: "a browser" });
});

afterEach(() => {
  vi.unstubAllEnvs();
  vi.unstubAllGlobals();
});

/** A model whose files have these hashes. */
function planOf(...hashes: (string | undefined)[]): Plan {
  const configFiles = hashes.map((sha256, i) => ({ path: `${i}`, sha256 }));
  const none = {
    ...{ vision_encoder: [], embed_tokens: [], decoder_model_merged: [] },
  };
  return {
    found: { variants: none, configFiles },
    info: { dtypes: {} },
    graphs: new Map(),
    gpu: undefined,
  } as unknown as Plan;
}

test("other files, another side: another key; no hash: none", async () => {
  vi.stubEnv("DEV", false);
  const key = await verdictKey(planOf("abc"), 256);
  expect(key).toMatch(/^[0-9a-f]{64}$/);
  expect(await verdictKey(planOf("abc"), 256)).toBe(key);
  expect(await verdictKey(planOf("abd"), 256)).not.toBe(key);
  expect(await verdictKey(planOf("abc"), 512)).not.toBe(key);
  expect(await verdictKey(planOf("abc", undefined), 256)).toBeUndefined();
});
