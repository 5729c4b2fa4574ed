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

/** A plan for a model whose files have these identities, with external data under
 * the last one. */
function planOf(...identities: (string | undefined)[]): LoadPlan {
  const paths = identities.map((_, i) => `onnx/${i}`);
  const configFiles = paths.slice(0, -1).map((path) => ({ path }));
  const known = paths.flatMap((path, i) => {
    const identity = identities[i];
    return identity === undefined ? [] : [[path, identity] as const];
  });
  const identify = () => Promise.resolve(new Map(known));
  const graph = {
    file: "onnx/a.onnx",
    externalFiles: [`${paths.length - 1}`],
  };
  const none = {
    vision_encoder: [],
    embed_tokens: [],
    decoder_model_merged: [],
  };
  return {
    metadata: { variants: none, configFiles, folder: { identify } },
    info: { dtypes: {} },
    graphs: { vision_encoder: { graph } },
    gpu: undefined,
  } as unknown as LoadPlan;
}

const { signal } = new AbortController();

test("the key depends on the files' content and the image size", async () => {
  vi.stubEnv("DEV", false);
  const key = await verificationKey(planOf("abc", "x"), 256, signal);
  expect(key).toMatch(/^[0-9a-f]{64}$/);
  expect(await verificationKey(planOf("abc", "x"), 256, signal)).toBe(key);
  for (const other of [planOf("abd", "x"), planOf("abc", "y")]) {
    expect(await verificationKey(other, 256, signal)).not.toBe(key);
  }
  expect(await verificationKey(planOf("abc", "x"), 512, signal)).not.toBe(key);
  for (const unknown of [planOf("abc", undefined), planOf(undefined, "x")]) {
    expect(await verificationKey(unknown, 256, signal)).toBeUndefined();
  }
});
