import { describe, expect, test } from "vitest";
import type { Api } from "../api";
import {
  failsWith,
  half,
  loadOptions,
  micro,
  options,
  other,
  pickFolder,
  testImage,
  withNaNWeights,
  type Change,
} from "../testing/harness";
import {
  DECODER,
  EMBED,
  OPTIONAL,
  VISION,
  useLoadedApi,
} from "../testing/loaded-api";

const edit =
  (change: (json: Record<string, unknown>) => unknown): Change =>
  (bytes) => {
    const text = new TextDecoder().decode(bytes);
    return JSON.stringify(change(JSON.parse(text) as Record<string, unknown>));
  };

let api: Api;

useLoadedApi((fresh) => {
  api = fresh;
});

const load = async (
  changes: Record<string, Change>,
  more: Partial<typeof loadOptions> = {},
  folder = micro,
) =>
  api.load({
    ...loadOptions,
    ...more,
    model: await pickFolder(folder, changes),
  });

test("uses defaults for missing optional files", async () => {
  const none = Object.fromEntries(OPTIONAL.map((f) => [f, () => undefined]));
  const tower = edit((json) => ({ ...json, mm_vision_tower: "fastvithd_320" }));
  const info = await load({ ...none, "config.json": tower });
  expect(info).toMatchObject({ size: 320, contextLength: 512 });
});

describe("a model that is not one", () => {
  const from = async (folder: string, file: string) => {
    const response = await fetch(folder + file);
    return new Uint8Array(await response.arrayBuffer());
  };

  test("a config of another model: the file, the output, both shapes", async () => {
    const config = edit((json) => ({ ...json, hidden_size: 64, head_dim: 16 }));
    await expect(load({ "config.json": config })).rejects.toEqual(
      failsWith("model-mismatch", VISION, "image_features", "32", "64"),
    );
  });

  test("a graph of another model: both files and their widths", async () => {
    const table = await from(half, "onnx/vision_encoder.onnx");
    const vision = await load({ [VISION]: () => table });
    expect(vision.name, "the same width is the same to us").toContain("micro");
    const decoder = await from(other, DECODER);
    const data = await from(other, `${DECODER}_data`);
    await expect(
      load({ [DECODER]: () => decoder, [`${DECODER}_data`]: () => data }),
    ).rejects.toEqual(
      failsWith("model-mismatch", VISION, "width 32", DECODER, "48"),
    );
  });

  test("a tokenizer with ids that the table has no row for", async () => {
    const more = edit((json) => ({
      ...json,
      added_tokens: [
        ...(json["added_tokens"] as object[]),
        { id: 5000, content: "<more>", special: true },
      ],
    }));
    await expect(load({ "tokenizer.json": more })).rejects.toEqual(
      failsWith("model-mismatch", "tokenizer.json", "5000", "260"),
    );
  });

  test("a tokenizer without the model's end token", async () => {
    const end = edit(() => ({ eos_token_id: 151645 }));
    await expect(load({ "generation_config.json": end })).rejects.toEqual(
      failsWith("model-mismatch", "tokenizer.json", "151645"),
    );
  });

  test("no chat template, in either place", async () => {
    const none = edit((json) => ({ ...json, chat_template: undefined }));
    await expect(load({ "tokenizer_config.json": none })).rejects.toEqual(
      failsWith("model-mismatch", "no chat template"),
    );
  });

  test("external data that is not there", async () => {
    await expect(
      load({ [`${DECODER}_data`]: () => undefined }, {}, other),
    ).rejects.toEqual(failsWith("model-file-missing", `${DECODER}_data`));
  });
});

describe("dtypes", () => {
  test("rejects a missing dtype with the available ones", async () => {
    await expect(load({}, { dtype: "q4" })).rejects.toEqual(
      failsWith("model-file-missing", "vision_encoder_q4.onnx", "fp32"),
    );
  });

  test("replaces an encoder that overflows by a wider dtype, with the reason", async () => {
    const info = await load({}, { dtype: "fp16" }, half);
    expect(info.dtypes).toEqual({
      vision_encoder: "fp32",
      embed_tokens: "fp16",
      decoder_model_merged: "fp16",
    });
    expect(info.dtypeReason).toMatch(/vision_encoder_fp16\.onnx overflowed/);
  });

  test("rejects when an encoder overflows and no wider dtype exists", async () => {
    await expect(
      load({ [VISION]: () => undefined }, { dtype: "fp16" }, half),
    ).rejects.toEqual(failsWith("unsupported", "vision_encoder_fp16.onnx"));
  });

  for (const [file, reach] of [
    [VISION, 32],
    [EMBED, 8192],
    [DECODER, 256],
  ] as const) {
    test(`${file} with NaN in its weights`, async () => {
      await expect(load({ [file]: withNaNWeights(reach) })).rejects.toEqual(
        failsWith("model-corrupt", file, "NaN"),
      );
    });
  }
});

test("a model of other sizes gives the same answer on both devices", async () => {
  // At its own 256, the software adapter takes seconds.
  const small = { "preprocessor_config.json": () => '{ "size": 128 }' };
  const said: (readonly number[])[] = [];
  for (const device of ["wasm", "webgpu"] as const) {
    const info = await load(small, { device, dtype: "auto" }, other);
    expect(info).toMatchObject({ name: "other", size: 128, device });
    const asked = { ...options, size: 128 };
    const answer = await api.generate(1, [await testImage()], asked);
    said.push(answer.tokenIds);
  }
  expect(said[1]).toEqual(said[0]);
  expect(new Set(said[0]).size, "it says more than one thing").not.toBe(1);
});

test("a model with half-precision inputs and outputs answers", async () => {
  const info = await load({}, { dtype: "auto" }, half);
  expect(info.dtypes.decoder_model_merged).toBe("fp16");
  const { tokenIds } = await api.generate(1, [await testImage()], options);
  expect(new Set(tokenIds).size).not.toBe(1);
});

describe("abortLoad", () => {
  test("at once", async () => {
    const early = api.load(loadOptions);
    api.abortLoad();
    await expect(early).rejects.toMatchObject({ code: "aborted" });
  });

  for (const device of ["wasm", "webgpu"] as const) {
    for (const phase of ["loading", "preparing", "warming"] as const) {
      test(`while ${phase} on ${device}`, async () => {
        api.onEvent = ({ event }) => {
          if (event.type === "progress" && event.phase === phase) {
            api.abortLoad();
          }
        };
        await expect(
          api.load({ ...loadOptions, device }),
        ).rejects.toMatchObject({ code: "aborted" });
      });
    }
  }
});

test("a load replaces the one in progress", async () => {
  const first = api.load(loadOptions);
  const second = api.load(loadOptions);
  await expect(first).rejects.toMatchObject({ code: "aborted" });
  expect(await second).toMatchObject({ name: "fast-vlm/micro" });
});
