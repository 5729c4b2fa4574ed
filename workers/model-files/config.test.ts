import { expect, test } from "vitest";
import { readConfig } from "./config";
import type { ConfigFile } from "./manifest";

type Files = Partial<Record<ConfigFile, object>>;

/** FastVLM-0.5B's numbers, as published. */
const published = {
  "config.json": {
    hidden_size: 896,
    num_hidden_layers: 24,
    num_attention_heads: 14,
    num_key_value_heads: 2,
    max_position_embeddings: 32768,
    eos_token_id: 151645,
    image_token_index: 151646,
  },
  "generation_config.json": {},
  "preprocessor_config.json": { size: { shortest_edge: 1024 } },
  "tokenizer_config.json": { model_max_length: 8192 },
};

function read(changes: Files = {}) {
  const files: Files = { ...published };
  for (const [file, fields] of Object.entries(changes)) {
    const name = file as ConfigFile;
    files[name] = { ...files[name], ...fields };
  }
  return readConfig((file) => files[file]);
}

test("FastVLM-0.5B", () => {
  expect(read()).toEqual({
    name: undefined,
    hidden: 896,
    layers: 24,
    heads: 14,
    kvHeads: 2,
    headDim: 64,
    vocabulary: 151936,
    visionWidth: 3072,
    contextLength: 8192,
    imageToken: 151646,
    endTokens: [151645],
    size: 1024,
  });
});

test("end tokens: one or several, the generation's before the model's", () => {
  const ids = (eos_token_id: unknown) =>
    read({ "generation_config.json": { eos_token_id } }).endTokens;
  expect(ids(7)).toEqual([7]);
  expect(ids([7, 8])).toEqual([7, 8]);
  expect(ids(null)).toEqual([151645]);
});

test("reads the image size in each form that processors use", () => {
  const imageSize = (size: unknown) =>
    read({ "preprocessor_config.json": { size } }).size;
  expect(imageSize(512)).toBe(512);
  expect(imageSize({ height: 768, width: 768 })).toBe(768);
  expect(imageSize({ longest_edge: 768 })).toBe(768);
  for (const wrong of [100, -256, 1e6, { shortest_edge: "256" }, {}]) {
    expect(() => imageSize(wrong)).toThrow(
      /image size is .*, not a multiple of 64/,
    );
  }
});

test("reads the image processor that transformers 5 saves in processor_config.json", () => {
  const size = { shortest_edge: 256 };
  const files = (image_processor: object): Files => ({
    "config.json": published["config.json"],
    "tokenizer_config.json": {},
    "processor_config.json": { image_processor, patch_size: 64 },
  });
  const readFiles = (all: Files) => readConfig((file) => all[file]);
  expect(readFiles(files({ size })).size).toBe(256);
  expect(() => readFiles(files({ size, image_std: [2, 2, 2] }))).toThrow(
    /^processor_config\.json: image_std is/,
  );
  const both = {
    ...files({ size }),
    "preprocessor_config.json": { size: 512 },
  };
  expect(readFiles(both).size).toBe(512);
  // As published: without an image processor.
  const older = { "processor_config.json": { patch_size: 64 } };
  expect(readFiles({ ...files({}), ...older }).size).toBe(1024);
});

test("rejects another pixel range with the name of the field", () => {
  const processor = (fields: object) => () =>
    read({ "preprocessor_config.json": fields });
  processor({
    ...{ do_rescale: true, rescale_factor: 0.00392156862745098 },
    ...{ do_normalize: true, image_mean: [0, 0, 0], image_std: [1, 1, 1] },
  })();
  processor({ do_normalize: false, image_mean: [0.5, 0.5, 0.5] })();
  const clip = [0.48145466, 0.4578275, 0.40821073];
  expect(processor({ image_mean: clip })).toThrow(/image_mean is \[0\.48/);
  expect(processor({ image_std: [1, 1, 0.5] })).toThrow(/image_std/);
  expect(processor({ rescale_factor: 1 })).toThrow(/rescale_factor is 1/);
  expect(processor({ do_rescale: false })).toThrow(/do_rescale is false/);
});

test("whatever stands in a field, what comes of it is a config or says why", () => {
  const odd = [null, "x", -1, 0.5, 1e99, {}, [], true, [null], { a: 1 }];
  const fields = {
    "config.json": [
      ...["hidden_size", "num_hidden_layers", "num_attention_heads"],
      ...["num_key_value_heads", "head_dim", "max_position_embeddings"],
      ...["vocab_size", "eos_token_id", "image_token_index", "_name_or_path"],
      ...["text_config", "vision_config", "mm_hidden_size"],
    ],
    "generation_config.json": ["eos_token_id"],
    "preprocessor_config.json": ["size", "crop_size", "image_mean"],
    "tokenizer_config.json": ["model_max_length"],
  };
  for (const [file, names] of Object.entries(fields)) {
    for (const name of names) {
      for (const value of odd) {
        try {
          const { hidden, layers, size } = read({ [file]: { [name]: value } });
          expect(Number.isInteger(hidden * layers * size), name).toBe(true);
        } catch (error) {
          expect(error, name).toMatchObject({ code: "model-mismatch" });
        }
      }
    }
  }
  for (const value of odd) {
    if (typeof value === "object" && value && !Array.isArray(value)) continue;
    expect(() => readConfig(() => value)).toThrow(/an object is required/);
  }
});

test("ignores PyTorch's sentinel for the image token", () => {
  const config = { image_token_index: -200 };
  expect(read({ "config.json": config }).imageToken).toBeUndefined();
});

test("reads the nested fields of transformers' fast_vlm", () => {
  const { eos_token_id, image_token_index, ...text_config } =
    published["config.json"];
  const nested = {
    ...published,
    "config.json": {
      model_type: "fast_vlm",
      image_token_id: image_token_index,
      text_config: { ...text_config, eos_token_id, head_dim: null },
      vision_config: { mm_hidden_size: 1536 },
    },
  };
  const config = readConfig((file) => nested[file as keyof typeof nested]);
  expect(config).toEqual({ ...read(), visionWidth: 1536 });
});

test("uses FastVLM's values for missing fields", () => {
  const bare = {
    "config.json": {
      ...{ hidden_size: 1536, num_hidden_layers: 28, num_attention_heads: 12 },
      mm_vision_tower: "mobileclip_l_512",
    },
    "tokenizer_config.json": {},
  };
  expect(readConfig((file) => bare[file as keyof typeof bare])).toMatchObject({
    kvHeads: 12,
    headDim: 128,
    contextLength: 32768,
    vocabulary: 151936,
    visionWidth: 3072,
    imageToken: undefined,
    endTokens: [],
    size: 512,
  });
});

test("rejects values that contradict each other", () => {
  const config = (fields: object) => () => read({ "config.json": fields });
  expect(config({ num_attention_heads: 15 })).toThrow(/head_dim is 59\.7/);
  expect(config({ num_key_value_heads: 4 })).toThrow(
    /14 is not a multiple of num_key_value_heads 4/,
  );
  expect(config({ num_hidden_layers: 1e9 })).toThrow(/num_hidden_layers/);
});

test("names a missing or invalid field", () => {
  for (const hidden_size of [undefined, "896", 0, 1.5]) {
    expect(() => read({ "config.json": { hidden_size } })).toThrow(
      expect.objectContaining({
        code: "model-mismatch",
        message: expect.stringContaining("hidden_size") as string,
      }),
    );
  }
});
