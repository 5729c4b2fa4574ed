import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Api } from "./api";
import {
  event,
  listen,
  loadOptions,
  options,
  picture,
} from "./testing/harness";

/** Replaces a file of the folder on its way here; undefined: it is not there. */
type Tamper = (bytes: Uint8Array<ArrayBuffer>) => BodyInit | undefined;

function tamper(file: string, change: Tamper): void {
  const { fetch } = globalThis;
  vi.stubGlobal("fetch", async (input: URL, init: RequestInit) => {
    const response = await fetch(input, init);
    if (!(input instanceof URL) || !input.pathname.endsWith(file))
      return response;
    const body = change(new Uint8Array(await response.arrayBuffer()));
    return new Response(body ?? "", { status: body === undefined ? 404 : 200 });
  });
}

const failsWith = (code: string, file: string) =>
  expect.objectContaining({
    code,
    message: expect.stringContaining(file) as string,
  }) as object;

const files = [
  "onnx/vision_encoder.onnx",
  "onnx/embed_tokens.onnx",
  "onnx/decoder_model_merged.onnx",
  "tokenizer.json",
  "tokenizer_config.json",
  "config.json",
  "generation_config.json",
  "preprocessor_config.json",
];

let api: Api;

beforeEach(async () => {
  api = new Api();
  await api.load(loadOptions);
});

afterEach(async () => {
  vi.unstubAllGlobals();
  const answer = await api.describe([await picture()], options);
  expect(answer.tokenIds, "the model before is in place").toHaveLength(12);
  await api.dispose();
});

for (const file of files) {
  test(`without ${file}`, async () => {
    tamper(file, () => undefined);
    await expect(api.load(loadOptions)).rejects.toEqual(
      failsWith("model-file-missing", file),
    );
  });

  test(`${file} cut in half`, async () => {
    tamper(file, (bytes) => bytes.slice(0, bytes.length / 2));
    await expect(api.load(loadOptions)).rejects.toEqual(
      failsWith("model-corrupt", file),
    );
  });

  test(`${file} empty`, async () => {
    tamper(file, () => "");
    await expect(api.load(loadOptions)).rejects.toEqual(
      failsWith("model-corrupt", file),
    );
  });
}

test("a config of another model names the graph and what differs", async () => {
  tamper("config.json", (bytes) => {
    const config = JSON.parse(new TextDecoder().decode(bytes)) as object;
    return JSON.stringify({ ...config, hidden_size: 64, head_dim: 16 });
  });
  await expect(api.load(loadOptions)).rejects.toEqual(
    failsWith("model-mismatch", "vision_encoder: output image_features"),
  );
});

test("a dtype that the folder does not have", async () => {
  await expect(api.load({ ...loadOptions, dtype: "q4" })).rejects.toEqual(
    failsWith("model-file-missing", "_q4.onnx"),
  );
});

test("a server that is not there", async () => {
  const model = { kind: "url", url: "http://127.0.0.1:9/nano/" } as const;
  await expect(api.load({ ...loadOptions, model })).rejects.toEqual(
    failsWith("download-failed", "config.json"),
  );
});

test("abortLoad ends a load, at its start and while it warms up", async () => {
  const early = api.load(loadOptions);
  api.abortLoad();
  await expect(early).rejects.toMatchObject({ code: "aborted" });
  const events = listen(api);
  const late = api.load({ ...loadOptions, device: "webgpu" });
  const rejected = expect(late).rejects.toMatchObject({ code: "aborted" });
  while (!events.some((e) => e.type === "progress" && e.phase === "warming")) {
    await event(events, "progress");
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  api.abortLoad();
  await rejected;
});

test("a load during a load takes its place", async () => {
  const first = api.load(loadOptions);
  const second = api.load(loadOptions);
  await expect(first).rejects.toMatchObject({ code: "aborted" });
  expect(await second).toMatchObject({ name: "fast-vlm/micro" });
});
