import { describe, expect, test, vi } from "vitest";
import type { Api } from "../api";
import { realNet } from "../store/request";
import {
  failsWith,
  half,
  loadOptions,
  micro,
  other,
  pickFolder,
  type Change,
} from "../testing/harness";
import {
  DECODER,
  EMBED,
  OPTIONAL,
  VISION,
  useLoadedApi,
} from "../testing/loaded-api";

const graphs = [VISION, EMBED, DECODER];
const needed = ["config.json", "tokenizer.json", "tokenizer_config.json"];

let api: Api;

useLoadedApi((fresh) => {
  api = fresh;
});

const load = async (changes: Record<string, Change>) =>
  api.load({ ...loadOptions, model: await pickFolder(micro, changes) });

for (const file of [...needed, ...graphs]) {
  test(`without ${file}`, async () => {
    await expect(load({ [file]: () => undefined })).rejects.toEqual(
      failsWith("model-file-missing", file),
    );
  });
}

for (const file of [...needed, ...OPTIONAL, ...graphs]) {
  test(`${file} cut in half`, async () => {
    const cut: Change = (bytes) => bytes.slice(0, bytes.length / 2);
    await expect(load({ [file]: cut })).rejects.toEqual(
      failsWith("model-corrupt", file),
    );
  });

  test(`${file} empty`, async () => {
    await expect(load({ [file]: () => "" })).rejects.toEqual(
      failsWith("model-corrupt", file),
    );
  });
}

describe("a folder with a manifest", () => {
  const hex = (bytes: Uint8Array): string =>
    Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

  /** The right one, with `lie` about one file. */
  const manifest = async (lie: object = {}): Promise<Change> => {
    const { files } = await pickFolder(micro);
    const facts: Record<string, object> = {};
    for (const { path, file } of files) {
      const bytes = await file.arrayBuffer();
      const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
      facts[path] = { bytes: file.size, sha256: hex(hash) };
    }
    facts[DECODER] = { ...facts[DECODER], ...lie };
    return () => JSON.stringify({ version: 1, name: "listed", files: facts });
  };

  test("that tells the truth", async () => {
    const info = await load({ "manifest.json": await manifest() });
    expect(info.name, "config.json says more of it").toBe("fast-vlm/micro");
  });

  test("and a flipped byte", async () => {
    const flip: Change = (bytes) => {
      const at = bytes.length - 5;
      return bytes.map((byte, i) => (i === at ? byte ^ 1 : byte));
    };
    const changes = { "manifest.json": await manifest(), [VISION]: flip };
    await expect(load(changes)).rejects.toEqual(
      failsWith("model-corrupt", VISION),
    );
  });

  for (const lie of [{ bytes: 1 }, { sha256: "0".repeat(64) }]) {
    test(`that lies about ${Object.keys(lie).join()}`, async () => {
      const changes = { "manifest.json": await manifest(lie) };
      await expect(load(changes)).rejects.toEqual(
        failsWith("model-corrupt", DECODER),
      );
    });
  }
});

/** The pauses before requests are repeated take no time. */
const skipPauses = () => vi.spyOn(realNet, "wait").mockResolvedValue();

test("a network lost halfway: the file is named, and the next try goes on", async () => {
  skipPauses();
  const { fetch } = globalThis;
  const model = { kind: "url", url: other } as const;
  vi.stubGlobal("fetch", (input: RequestInfo | URL, init?: RequestInit) => {
    const { url } = new Request(input, init);
    return url.endsWith("_data")
      ? Promise.reject(new TypeError("network"))
      : fetch(input, init);
  });
  await expect(api.load({ ...loadOptions, model })).rejects.toEqual(
    failsWith("offline", "onnx_data"),
  );
  vi.unstubAllGlobals();
  expect(await api.load({ ...loadOptions, model })).toMatchObject({
    name: "other",
  });
});

for (const file of ["generation_config.json", "onnx/embed_tokens_fp16.onnx"]) {
  test(`${file} damaged on its way, nobody to say so: the next try is whole`, async () => {
    const { fetch } = globalThis;
    const damage = async (input: RequestInfo | URL, init?: RequestInit) => {
      const { url, method } = new Request(input, init);
      const response = await fetch(input, init);
      if (!url.endsWith(file) || method !== "GET") return response;
      const bytes = new Uint8Array(await response.arrayBuffer());
      const { status, headers } = response;
      return new Response(bytes.fill(0xff, 0, 16), { status, headers });
    };
    vi.stubGlobal("fetch", damage);
    const model = { kind: "url", url: half } as const;
    const options = { ...loadOptions, model, dtype: "auto" } as const;
    await expect(api.load(options)).rejects.toEqual(
      failsWith("model-corrupt", file),
    );
    vi.unstubAllGlobals();
    expect((await api.load(options)).name).toBe("fast-vlm/half");
    // What is whole is kept, and would not come again.
    for (const { key } of await api.stored()) await api.remove(key);
  });
}

test("a server that is not there", async () => {
  skipPauses();
  const model = { kind: "url", url: "http://127.0.0.1:9/nano/" } as const;
  await expect(api.load({ ...loadOptions, model })).rejects.toEqual(
    failsWith("offline", "127.0.0.1:9"),
  );
});
