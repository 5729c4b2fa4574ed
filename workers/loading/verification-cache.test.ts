import { afterEach, beforeEach, expect, test, vi } from "vitest";
import {
  findVerification,
  type VerificationSubject,
} from "./verification-cache";

beforeEach(() => {
  vi.stubGlobal("navigator", { userAgent: "a browser" });
});

afterEach(() => {
  vi.unstubAllEnvs();
  vi.unstubAllGlobals();
});

/** A model whose files have these identities, the last one of which is external
 * data. */
function subjectOf(...identities: (string | undefined)[]): VerificationSubject {
  const paths = identities.map((_, i) => `onnx/${i}`);
  const configFiles = paths.slice(0, -1).map((path) => ({ path }));
  const known = paths.flatMap((path, i) => {
    const identity = identities[i];
    return identity === undefined ? [] : [[path, identity] as const];
  });
  const identify = () => Promise.resolve(new Map(known));
  const none = {
    vision_encoder: [],
    embed_tokens: [],
    decoder_model_merged: [],
  };
  return {
    metadata: { variants: none, configFiles, folder: { identify } },
    dtypes: {},
    external: paths.slice(-1),
    gpu: undefined,
  } as unknown as VerificationSubject;
}

const { signal } = new AbortController();

const keyOf = async (...identities: (string | undefined)[]) =>
  (await findVerification(subjectOf(...identities), signal)).key;

test("the key depends on the content of all files", async () => {
  vi.stubEnv("DEV", false);
  const key = await keyOf("abc", "x");
  expect(key).toMatch(/^[0-9a-f]{64}$/);
  expect(await keyOf("abc", "x")).toBe(key);
  expect(await keyOf("abd", "x")).not.toBe(key);
  expect(await keyOf("abc", "y")).not.toBe(key);
  expect(await keyOf("abc", undefined)).toBeUndefined();
  expect(await keyOf(undefined, "x")).toBeUndefined();
});

test("nothing is known about files of unknown content", async () => {
  const found = await findVerification(subjectOf("abc", undefined), signal);
  expect(found).toMatchObject({ result: undefined, isPromising: false });
});
