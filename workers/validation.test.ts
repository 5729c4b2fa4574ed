import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { ModelSource } from "../src/shared/models";
import type { LoadOptions, Message } from "../src/shared/protocol";
import { checkFrames, checkLoad, checkRequest } from "./validation";
import { options as describeOptions } from "./testing/harness";

const loadOptions: LoadOptions = {
  model: { kind: "url", url: "https://example.org/models/nano/" },
  device: "auto",
  dtype: "q4",
  backend: "auto",
};

test("the whole range of good options passes", () => {
  for (const size of [64, 256, 1024, 2048]) {
    checkRequest({ ...describeOptions, size });
  }
  for (const device of ["auto", "webgpu", "wasm"] as const) {
    checkLoad({ ...loadOptions, device });
  }
  checkLoad({ ...loadOptions, backend: "ort" });
  for (const gate of [0, 0.02, 1]) {
    checkRequest({ ...describeOptions, gate, draft: true, imageIds: ["a"] });
  }
  for (const constraint of [
    { type: "json", schema: true },
    { type: "regex", source: "a", flags: "" },
  ] as const) {
    checkRequest({ ...describeOptions, constraint, prefix: "{" });
  }
});

for (const bad of [
  { size: 0 },
  { size: 63 },
  { size: 100 },
  { size: 2112 },
  { size: NaN },
  { size: "256" as never },
  { anyres: "no" as never },
  { maxTokens: 0 },
  { maxTokens: 1.5 },
  { maxTokens: Infinity },
  { messages: [{ role: "user" as const, text: 7 as never, imageCount: 1 }] },
  { messages: "Describe the image." as never },
  { messages: undefined as never },
  { messages: [null as never] },
  { messages: ["Describe the image." as never] },
  { sampling: null as never },
  ...[
    { temperature: -1 },
    { temperature: NaN },
    { topK: 1.5 },
    { topP: 0 },
    { topP: 1.1 },
    { repetitionPenalty: 0 },
    { seed: Infinity },
  ].map((bad) => ({ sampling: { ...describeOptions.sampling, ...bad } })),
  { imageIds: "a" as never },
  { imageIds: [7 as never] },
  { imageIds: null as never },
  { draft: undefined as never },
  { draft: "yes" as never },
  { gate: -0.1 },
  { gate: 1.1 },
  { gate: NaN },
  { gate: "0.5" as never },
  { prefix: 1 as never },
  { prefix: null as never },
  { constraint: null as never },
  { constraint: { type: "xml" } as never },
  { constraint: { type: "regex", source: "a" } as never },
  { constraint: { type: "regex", source: /a/, flags: "" } as never },
  { sampling: { ...describeOptions.sampling, topP: 2 } },
  { sampling: { ...describeOptions.sampling, temperature: "1" as never } },
]) {
  test(`describe refuses ${JSON.stringify(bad)}`, () => {
    expect(() => {
      checkRequest({ ...describeOptions, ...bad });
    }).toThrow(expect.objectContaining({ code: "bad-option" }));
  });
}

const message = (role: Message["role"], imageCount = 0): Message => {
  return { role, text: "a", imageCount };
};
const system = message("system");
const user = message("user");
const answer = message("assistant");

test.each([
  [[user]],
  [[message("user", 2), answer, user, message("user", 1)]],
  [[system, message("user", 1)]],
])("accepts the messages %j", (messages) => {
  checkRequest({ ...describeOptions, messages });
});

test.each<[string, Message[]]>([
  ["no message", []],
  ["an assistant message at the end", [user, answer]],
  ["half an image", [message("user", 0.5), message("user", 0.5)]],
  ["a negative number of images", [message("user", 2), message("user", -1)]],
  ["images in an assistant message", [message("assistant", 1), user]],
  ["a system message only", [system]],
  ["a later system message", [user, system, user]],
  ["two system messages", [system, system, user]],
  ["images in a system message", [message("system", 1), user]],
])("rejects with bad-option for %s", (_, messages) => {
  expect(() => checkRequest({ ...describeOptions, messages })).toThrow(
    expect.objectContaining({ code: "bad-option" }),
  );
});

test("an error names the invalid message and its role", () => {
  const messages = [user, message("tool" as "user"), user];
  expect(() => checkRequest({ ...describeOptions, messages })).toThrow(
    /^messages\[1\]\.role must be .*, not “tool”\.$/,
  );
});

class FakeFrame {}
const frame = new FakeFrame() as ImageBitmap;

beforeAll(() => {
  vi.stubGlobal("ImageBitmap", FakeFrame);
  vi.stubGlobal("VideoFrame", FakeFrame);
});

afterAll(() => {
  vi.unstubAllGlobals();
});

const images = [message("user", 2), answer, user, message("user", 1)];

test("accepts one frame for each image of the messages", () => {
  checkFrames([], { messages: [user] });
  checkFrames([frame, frame, frame], { messages: images });
});

test.each([0, 2, 4])("rejects %i frames for three images", (count) => {
  const frames = Array<ImageBitmap>(count).fill(frame);
  expect(() => checkFrames(frames, { messages: images })).toThrow(
    `The messages have 3 images, but ${count} frames were given.`,
  );
});

test.each([undefined, null, 7, "options", []])(
  "%j is no object of options",
  (options) => {
    const code = expect.objectContaining({ code: "bad-option" }) as Error;
    expect(() => checkRequest(options as never)).toThrow(code);
    expect(() => checkLoad(options as never)).toThrow(code);
  },
);

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

test("a dtype for all graphs, for each, for some, or none in particular", () => {
  const some = { vision_encoder: "fp16", embed_tokens: "fp32" } as const;
  const each = { ...some, decoder_model_merged: "q4" } as const;
  for (const dtype of ["auto", "q4f16", each, some, {}] as const) {
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
  { model: { ...hub, revision: ".." } },
  { model: { ...hub, revision: "\ud800" } },
  { model: { ...hub, revision: undefined as never } },
  { model: { ...hub, id: undefined as never } },
  { model: { ...hub, endpoint: "ftp://example.org" } },
  { model: url("ftp://example.org/models/nano/") },
  { model: url(["https://example.org/"] as never) },
  { model: { kind: "folder" as const, name: "empty", files: [] } },
  { model: { kind: "folder" as const, name: "odd", files: [null as never] } },
  { model: { kind: "folder" as const, name: "odd", files: null as never } },
  { model: { kind: "folder" as const, name: 7 as never, files: [] } },
  { model: { kind: "ftp" } as unknown as ModelSource },
  { model: null as never },
  { model: "nano" as never },
  { device: "tpu" as "auto" },
  { backend: "webgpu" as "auto" },
  { backend: undefined as never },
  { backend: ["auto"] as never },
  { device: ["auto"] as never },
  { dtype: "bnb4" as "q4" },
  { dtype: null as never },
  { dtype: ["q4"] as never },
  { dtype: { vision_encoder: "bnb4" as "q4" } },
  { dtype: { vision_encoder: "auto" as "q4" } },
  { dtype: { encoder: "q4" } as never },
]) {
  test(`load refuses ${JSON.stringify(bad)}`, () => {
    expect(() => {
      checkLoad({ ...loadOptions, ...bad });
    }).toThrow(expect.objectContaining({ code: "bad-option" }));
  });
}
