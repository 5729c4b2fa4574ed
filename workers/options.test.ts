import { expect, test } from "vitest";
import type { GraphDtypes, ModelSource } from "../src/shared/models";
import type { DescribeOptions, LoadOptions } from "../src/shared/protocol";
import { checkDescribe, checkLoad } from "./options";

const describeOptions: DescribeOptions = {
  run: 1,
  messages: [{ role: "user", text: "Describe the image.", images: 1 }],
  style: "reference",
  fit: "letterbox",
  anyres: false,
  size: 256,
  maxTokens: 64,
  sampling: {
    temperature: 0,
    topK: 0,
    topP: 1,
    repetitionPenalty: 1,
    seed: 0,
  },
};

const loadOptions: LoadOptions = {
  model: { kind: "url", url: "https://example.org/models/nano/" },
  device: "auto",
  dtype: "q4",
};

test("the whole range of good options passes", () => {
  for (const size of [64, 256, 1024, 2048]) {
    checkDescribe({ ...describeOptions, size });
  }
  for (const device of ["auto", "webgpu", "wasm"] as const) {
    checkLoad({ ...loadOptions, device });
  }
});

for (const bad of [
  { size: 0 },
  { size: 63 },
  { size: 100 },
  { size: 2112 },
  { size: NaN },
  { maxTokens: 0 },
  { maxTokens: 1.5 },
  { maxTokens: Infinity },
  { messages: [{ role: "user" as const, text: 7 as never, images: 1 }] },
  { sampling: { ...describeOptions.sampling, topP: 2 } },
]) {
  test(`describe refuses ${JSON.stringify(bad)}`, () => {
    expect(() => {
      checkDescribe({ ...describeOptions, ...bad });
    }).toThrow(expect.objectContaining({ code: "bad-option" }));
  });
}

const hub = {
  kind: "hub",
  endpoint: "https://huggingface.co",
  id: "onnx-community/FastVLM-0.5B-ONNX",
  revision: "main",
} as const;

const sources: readonly ModelSource[] = [
  hub,
  { ...hub, endpoint: "http://127.0.0.1:8099", id: "nano" },
  { kind: "folder", name: "nano", files: [{ path: "a", file: new Blob() }] },
];

test("a hub, a server and a folder are places of models", () => {
  for (const model of sources) checkLoad({ ...loadOptions, model });
});

test("a dtype for all graphs, for each, or none in particular", () => {
  const each = {
    vision_encoder: "fp16",
    embed_tokens: "fp32",
    decoder_model_merged: "q4",
  } as const;
  for (const dtype of ["auto", "q4f16", each] as const) {
    checkLoad({ ...loadOptions, dtype });
  }
});

const url = (text: string): ModelSource => ({ kind: "url", url: text });

for (const bad of [
  { model: url("models/nano/") },
  { model: url("https://example.org/models/nano") },
  { model: { ...hub, endpoint: "huggingface.co" } },
  { model: { ...hub, endpoint: "https://huggingface.co/" } },
  { model: { ...hub, id: "../secret" } },
  { model: { ...hub, id: "a/b/c" } },
  { model: { ...hub, revision: "" } },
  { model: { kind: "folder" as const, name: "empty", files: [] } },
  { model: { kind: "ftp" } as unknown as ModelSource },
  { device: "tpu" as "auto" },
  { dtype: "int8" as "q4" },
  { dtype: { vision_encoder: "q4" } as unknown as GraphDtypes },
]) {
  test(`load refuses ${JSON.stringify(bad)}`, () => {
    expect(() => {
      checkLoad({ ...loadOptions, ...bad });
    }).toThrow(expect.objectContaining({ code: "bad-option" }));
  });
}
