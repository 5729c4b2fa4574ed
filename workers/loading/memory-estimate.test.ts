import { afterEach, expect, test, vi } from "vitest";
import type { GraphDtypes, GraphFiles } from "../../src/shared/models";
import { estimateMemory, fitTogether, type Placement } from "./memory-estimate";
import { eachGraph } from "../model-files/manifest";

const MB = 1e6;
const GB = 1e9;

const config = {
  name: undefined,
  hidden: 896,
  layers: 24,
  heads: 14,
  kvHeads: 2,
  headDim: 64,
  vocabulary: 151936,
  visionWidth: 3072,
  contextLength: 8192,
  imageToken: undefined,
  endTokens: [],
  size: 1024,
};

const files = (sizes: Partial<Record<"fp32" | "q4" | "fp16", number>>) =>
  Object.entries(sizes).map(
    ([dtype, bytes]) => ({ dtype, files: [], bytes }) as unknown as GraphFiles,
  );

const variants = {
  vision_encoder: files({ fp32: 508 * MB, fp16: 254 * MB }),
  embed_tokens: files({ fp32: 544 * MB, fp16: 272 * MB }),
  decoder_model_merged: files({ q4: 317 * MB, fp16: 992 * MB }),
};

const exact: GraphDtypes = {
  vision_encoder: "fp32",
  embed_tokens: "fp16",
  decoder_model_merged: "q4",
};

const plain = { device: "webgpu", backend: "ort" } as const;

const estimate = (size: number, dtypes = exact, placement: Placement = plain) =>
  estimateMemory(config, variants, dtypes, size, placement);

test.each([
  ["webgpu", "auto", 508 + 272 + 317],
  ["webgpu", "ort", 508 + 317],
  ["wasm", "auto", 508 + 317],
  ["wasm", "ort", 508 + 317],
] as const)(
  "weights in memory on %s with the backend %s",
  (device, backend, megabytes) => {
    // The ORT backend leaves the embedding table in its file.
    const { weights } = estimate(1024, exact, { device, backend });
    expect(weights).toBe(megabytes * MB);
  },
);

test("half precision takes 32 bits in memory on a CPU", () => {
  const half = eachGraph(() => "fp16" as const);
  const placement = { device: "wasm", backend: "auto" } as const;
  const { weights } = estimate(1024, half, placement);
  expect(weights).toBe((508 + 1984) * MB);
});

test("the KV cache takes 24,576 bytes a token, and half of that in fp16", () => {
  const { cache, contextTokens } = estimate(1024);
  expect(cache / contextTokens).toBe(24_576);
  const half = estimate(
    1024,
    eachGraph(() => "fp16" as const),
  );
  expect(half.cache / half.contextTokens).toBe(12_288);
});

test("activations count the logits that each backend holds", () => {
  const auto = { device: "webgpu", backend: "auto" } as const;
  const [ort, webgpu] = [estimate(1024), estimate(1024, exact, auto)];
  const row = 4 * config.vocabulary;
  expect(webgpu.activations - ort.activations).toBe((1 + 16 + 64 - 1) * row);
});

test("activations grow with the image's area and halve in fp16", () => {
  const [small, large] = [estimate(256), estimate(1024)];
  expect(large.activations).toBeGreaterThan(8 * small.activations);
  const half = estimate(1024, { ...exact, vision_encoder: "fp16" });
  expect(half.activations).toBeLessThan(large.activations * 0.8);
});

test("the total is the sum", () => {
  const { weights, activations, cache, total } = estimate(768);
  expect(total).toBe(weights + activations + cache);
});

afterEach(() => {
  vi.unstubAllGlobals();
});

const on = (device: "webgpu" | "wasm", bytes: number) => ({ device, bytes });

test("two models fit together in half of the machine's memory", () => {
  vi.stubGlobal("navigator", { deviceMemory: 8 });
  expect(fitTogether(on("webgpu", 2 * GB), on("webgpu", 2 * GB))).toBe(true);
  expect(fitTogether(on("webgpu", 3 * GB), on("webgpu", 2 * GB))).toBe(false);
  vi.stubGlobal("navigator", {});
  expect(fitTogether(on("webgpu", 1 * GB), on("webgpu", 1 * GB))).toBe(true);
  expect(fitTogether(on("webgpu", 1 * GB), on("webgpu", 1.5 * GB))).toBe(false);
});

test("two models on WebAssembly share one heap", () => {
  vi.stubGlobal("navigator", { deviceMemory: 32 });
  expect(fitTogether(on("wasm", 2 * GB), on("wasm", 2 * GB))).toBe(false);
  expect(fitTogether(on("wasm", 2 * GB), on("webgpu", 2 * GB))).toBe(true);
  expect(fitTogether(on("wasm", 1 * GB), on("wasm", 1 * GB))).toBe(true);
});
