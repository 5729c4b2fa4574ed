import { expect, test } from "vitest";
import type { Dtype, Graph } from "../../src/shared/models";
import type { Hardware } from "./hardware";
import { largestActivation } from "./memory-estimate";
import { checkCompatibility, memoryIssue } from "./compatibility";
import { eachGraph } from "../model-files/manifest";

const GB = 1e9;
const MiB = 2 ** 20;

/** FastVLM-7B. */
const config = {
  name: undefined,
  hidden: 3584,
  layers: 28,
  heads: 28,
  kvHeads: 4,
  headDim: 128,
  vocabulary: 152064,
  visionWidth: 3072,
  contextLength: 8192,
  imageToken: undefined,
  endTokens: [],
  size: 1024,
};

const gpu: Hardware = {
  device: "webgpu",
  adapter: "acme gpu",
  halfPrecision: true,
  software: false,
  largestBuffer: 4096 * MiB,
  largestWeight: 4096 * MiB,
};
const wasm: Hardware = {
  ...gpu,
  device: "wasm",
  largestBuffer: Infinity,
  largestWeight: Infinity,
};

/** The issue of one graph whose files have these sizes. */
function unsupportedReason(
  graph: Graph,
  dtype: Dtype,
  sizes: readonly number[],
  hardware: Hardware,
): string | undefined {
  const files = sizes.map((bytes, i) => ({
    path: `onnx/${graph}.onnx${i === 0 ? "" : "_data"}`,
    bytes,
    kept: 0,
  }));
  const bytes = sizes.reduce((a, b) => a + b);
  const variant = { dtype, files, bytes };
  const found = checkCompatibility(
    eachGraph((other) => (other === graph ? [variant] : [])),
    config,
    hardware,
  );
  return found[graph][0]?.unsupportedReason;
}

const decoder = "decoder_model_merged";

test("half precision needs shader-f16, except in embed_tokens", () => {
  const old = { ...gpu, halfPrecision: false };
  for (const dtype of ["fp16", "q4f16"] as const) {
    expect(unsupportedReason("vision_encoder", dtype, [1], old)).toMatch(
      /shader-f16/,
    );
    expect(unsupportedReason("embed_tokens", dtype, [1], old)).toBeUndefined();
    expect(
      unsupportedReason("vision_encoder", dtype, [1], gpu),
    ).toBeUndefined();
  }
  expect(unsupportedReason("vision_encoder", "q4", [1], old)).toBeUndefined();
});

test("the output layer must fit in a buffer, but not in one binding", () => {
  const limits = { largestBuffer: 128 * MiB, largestWeight: 1024 * MiB };
  const small = { ...gpu, ...limits };
  expect(unsupportedReason(decoder, "fp32", [1, 3 * GB], small)).toMatch(
    /output layer of 2\.18 GB is larger than .* largest buffer, 1\.07 GB/,
  );
  expect(unsupportedReason(decoder, "fp16", [1, 3 * GB], small)).toMatch(
    /1\.09 GB/,
  );
  expect(unsupportedReason(decoder, "q4", [1, 3 * GB], small)).toBeUndefined();
  expect(unsupportedReason(decoder, "fp32", [1, 3 * GB], gpu)).toBeUndefined();
});

test("rejects files that are larger than their format allows", () => {
  expect(unsupportedReason(decoder, "q4", [2.2 * GB], gpu)).toMatch(/2 GB/);
  expect(unsupportedReason(decoder, "q4", [1, 4.3 * GB], gpu)).toMatch(
    /onnx_data is larger than 4 GB/,
  );
});

test("a model has less than 4 GB of memory on WebAssembly", () => {
  expect(unsupportedReason(decoder, "q4", [1, 3.9 * GB], wasm)).toMatch(
    /3\.90 GB.*at most 3\.76 GB/,
  );
  expect(unsupportedReason(decoder, "q4", [1, 3 * GB], wasm)).toBeUndefined();
  expect(
    unsupportedReason("embed_tokens", "fp32", [1, 3.9 * GB], wasm),
  ).toBeUndefined();
  const memory = (total: number) => ({
    ...{ weights: total, activations: 0, cache: 0, contextTokens: 0, total },
  });
  const sum = (total: number) => memoryIssue(memory(total), 1, wasm, 1024);
  expect(sum(4 * GB)).toMatch(/4\.00 GB.*1024/);
  expect(sum(3 * GB)).toBeUndefined();
});

test("on WebGPU the largest activation must fit in a buffer", () => {
  const memory = {
    ...{ weights: 9 * GB, activations: 0, cache: 0, contextTokens: 0 },
    total: 9 * GB,
  };
  const small = { ...gpu, largestBuffer: 128 * MiB };
  const at = (size: number) => {
    const largest = largestActivation(config, "fp32", size);
    return memoryIssue(memory, largest, small, size);
  };
  expect(at(1024)).toBeUndefined();
  expect(at(1536)).toMatch(/1536 pixels need a buffer of 226 MB.*134 MB/);
  expect(largestActivation(config, "fp16", 1536)).toBe(108 * MiB);
});
