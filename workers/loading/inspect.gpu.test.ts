import { afterEach, expect, test, vi } from "vitest";
import type { LoadOptions } from "../../src/shared/protocol";
import { Api } from "../api";
import {
  half,
  loadOptions,
  micro,
  other,
  pickFolder,
} from "../testing/harness";

const api = new Api();
const inspect = (options: LoadOptions, size?: number) =>
  api.inspect(0, options, size);

afterEach(() => {
  vi.unstubAllGlobals();
});

test("reports a folder on a server without downloading its weights", async () => {
  const asked: string[] = [];
  const { fetch } = globalThis;
  vi.stubGlobal("fetch", (input: RequestInfo | URL, init?: RequestInit) => {
    const { url, method } = new Request(input, init);
    if (method === "GET")
      asked.push(new URL(url).pathname.split("/").at(-1) ?? "");
    return fetch(input, init);
  });
  const model = { kind: "url", url: micro } as const;
  const report = await inspect({ ...loadOptions, model, dtype: "auto" });
  expect(report).toMatchObject({
    name: "fast-vlm/micro",
    source: micro,
    layers: 2,
    hidden: 32,
    size: 256,
    contextLength: 512,
    multiTurn: true,
    sizes: [64, 128, 192, 256, 384],
    device: "wasm",
    recommended: {
      vision_encoder: "fp32",
      embed_tokens: "fp32",
      decoder_model_merged: "fp32",
    },
  });
  expect(report.unsupportedReason).toBeUndefined();
  expect(asked).not.toContain("tokenizer.json");
  expect(asked.filter((name) => /onnx/.test(name))).toEqual([]);
  const { chosen } = report;
  const names = chosen?.files.map(({ path }) => path);
  expect(names).toContain("onnx/decoder_model_merged.onnx");
  expect(names).toContain("tokenizer.json");
  expect(chosen?.bytes).toBeGreaterThan(160_000);
  expect(chosen?.memory.weights).toBeGreaterThan(128_000);
  expect(report.storage?.free).toBeGreaterThan(0);
});

test("a larger image needs more memory", async () => {
  const cost = async (size: number) =>
    (await inspect(loadOptions, size)).chosen?.memory.total ?? 0;
  expect(await cost(1024)).toBeGreaterThan(await cost(256));
});

test("a local folder needs no download, and its external data counts", async () => {
  const model = await pickFolder(other);
  const { chosen, name, source } = await inspect({ ...loadOptions, model });
  expect([name, source]).toEqual(["other", "the folder other"]);
  expect(chosen?.missing).toBe(0);
  expect(chosen?.files.map(({ path }) => path)).toContain(
    "onnx/decoder_model_merged.onnx_data",
  );
});

test("reports graphs on this machine that do not match the configuration", async () => {
  const response = await fetch(`${other}onnx/vision_encoder.onnx`);
  const encoder = new Uint8Array(await response.arrayBuffer());
  const path = "onnx/vision_encoder.onnx";
  const model = await pickFolder(micro, { [path]: () => encoder });
  const { unsupportedReason } = await inspect({ ...loadOptions, model });
  expect(unsupportedReason).toMatch(/image_features has the shape .*48/);
});

test("reports half precision as an issue without shader-f16", async () => {
  const model = await pickFolder(half);
  const device = "webgpu";
  const report = await inspect({ ...loadOptions, model, device });
  expect(report).toMatchObject({ device, halfPrecision: false });
  const [decoder] = report.graphs.decoder_model_merged;
  expect(decoder?.unsupportedReason).toMatch(/shader-f16/);
  expect(report.graphs.embed_tokens[0]?.unsupportedReason).toBeUndefined();
  expect(report.recommended).toBeUndefined();
  expect(report.chosen).toBeUndefined();
  expect(report.unsupportedReason).toMatch(
    /no onnx\/embed_tokens\.onnx.* fp16/,
  );
});

test("inspects a stored model offline", async () => {
  const model = { kind: "url", url: micro } as const;
  await api.load({ ...loadOptions, model });
  vi.stubGlobal("fetch", () => Promise.reject(new TypeError("no network")));
  const report = await inspect({ ...loadOptions, model });
  expect(report.chosen?.missing).toBe(0);
  expect(report.name).toBe("fast-vlm/micro");
  await api.dispose();
});

test("rejects with a VlmError for a missing model or an invalid size", async () => {
  const model = {
    kind: "url",
    url: new URL("../nowhere/", micro).href,
  } as const;
  await expect(inspect({ ...loadOptions, model })).rejects.toMatchObject({
    code: "model-file-missing",
  });
  await expect(inspect(loadOptions, 100)).rejects.toMatchObject({
    code: "bad-option",
  });
});
