import { expect, test } from "vitest";
import { sharedDtype } from "./shared-dtype";

const both = ["transformers.js", "fast-vlm"] as const;
const none = new Set<string>();
const half = new Set(["shader-f16"]);
const auto = { dtype: "auto", device: "webgpu", lineup: both } as const;

test("uses float32 embeddings where transformers.js rejects float16", () => {
  expect(sharedDtype(auto, none)).toEqual({ embed_tokens: "fp32" });
});

test("uses the requested dtype otherwise", () => {
  expect(sharedDtype(auto, half)).toBe("auto");
  expect(sharedDtype({ ...auto, device: "wasm" }, none)).toBe("auto");
  expect(sharedDtype({ ...auto, lineup: ["fast-vlm"] }, none)).toBe("auto");
  expect(sharedDtype({ ...auto, dtype: "fp16" }, none)).toBe("fp16");
});
