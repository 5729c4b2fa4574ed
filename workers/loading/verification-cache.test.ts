import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { LoadPlan } from "./load-plan";
import { verificationKey } from "./verification-cache";

beforeEach(() => {
  vi.stubGlobal("navigator", { userAgent: "a browser" });
});

afterEach(() => {
  vi.unstubAllEnvs();
  vi.unstubAllGlobals();
});

/** A plan for a model whose files have these hashes. */
function planOf(...hashes: (string | undefined)[]): LoadPlan {
  const configFiles = hashes.map((sha256, i) => ({ path: `${i}`, sha256 }));
  const none = {
    vision_encoder: [],
    embed_tokens: [],
    decoder_model_merged: [],
  };
  return {
    metadata: { variants: none, configFiles },
    info: { dtypes: {} },
    graphs: {},
    gpu: undefined,
  } as unknown as LoadPlan;
}

test("the key depends on files and image size, and is undefined without hashes", async () => {
  vi.stubEnv("DEV", false);
  const key = await verificationKey(planOf("abc"), 256);
  expect(key).toMatch(/^[0-9a-f]{64}$/);
  expect(await verificationKey(planOf("abc"), 256)).toBe(key);
  expect(await verificationKey(planOf("abd"), 256)).not.toBe(key);
  expect(await verificationKey(planOf("abc"), 512)).not.toBe(key);
  expect(await verificationKey(planOf("abc", undefined), 256)).toBeUndefined();
});
