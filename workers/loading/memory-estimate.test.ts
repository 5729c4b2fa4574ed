import { afterEach, expect, test, vi } from "vitest";
import type { GraphDtypes, GraphFiles } from "../../src/shared/models";
import { estimateMemory, fitBeside, type Way } from "./memory-estimate";
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
  side: 1024,
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

const estimate = (side: number, dtypes = exact, way: Way = plain) =>
  estimateMemory(config, variants, dtypes, side, way);

test.each([
  ["webgpu", "auto", 508 + 381 + 272 + 317],
  ["webgpu", "ort", 508 + 317],
  ["wasm", "auto", 508 + 317],
  ["wasm", "ort", 508 + 317],
] as const)("weights held on %s, backend %s", (device, backend, megabytes) => {
  // The embedding stays in its file but for the fast path, which has the
  // encoder's convolutions in another order, too.
  const { weights } = estimate(1024, exact, { device, backend });
  expect(weights).toBe(megabytes * MB);
});

test("the cache has 24,576 bytes a token, half of it in half precision", () => {
  const { cache, contextTokens } = estimate(1024);
  expect(cache / contextTokens).toBe(24_576);
  const half = estimate(
    1024,
    eachGraph(() => "fp16" as const),
  );
  expect(half.cache / half.contextTokens).toBe(12_288);
});

test("activations grow with the picture's area and halve with precision", () => {
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

test("two models are in memory at once if half of the machine's holds them", () => {
  vi.stubGlobal("navigator", { deviceMemory: 8 });
  expect(fitBeside(on("webgpu", 2 * GB), on("webgpu", 2 * GB))).toBe(true);
  expect(fitBeside(on("webgpu", 3 * GB), on("webgpu", 2 * GB))).toBe(false);
  vi.stubGlobal("navigator", {});
  expect(fitBeside(on("webgpu", 1 * GB), on("webgpu", 1 * GB))).toBe(true);
  expect(fitBeside(on("webgpu", 1 * GB), on("webgpu", 1.5 * GB))).toBe(false);
});

test("on WebAssembly they share one heap", () => {
  vi.stubGlobal("navigator", { deviceMemory: 32 });
  expect(fitBeside(on("wasm", 2 * GB), on("wasm", 2 * GB))).toBe(false);
  expect(fitBeside(on("wasm", 2 * GB), on("webgpu", 2 * GB))).toBe(true);
  expect(fitBeside(on("wasm", 1 * GB), on("wasm", 1 * GB))).toBe(true);
});
