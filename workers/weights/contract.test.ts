import { expect, test } from "vitest";
import { checkGraph, checkVocabulary } from "./contract";

const config = {
  name: "test",
  hidden: 32,
  layers: 1,
  heads: 2,
  kvHeads: 1,
  headDim: 16,
  contextLength: 512,
  imageToken: 259,
  endTokens: [258],
  side: 256,
};

type Shape = (number | string)[];
const value = (name: string, type: string, shape: Shape) => ({
  name,
  type,
  shape,
});

function decoder() {
  const cache = (name: string) => value(name, "float32", ["b", 1, "p", 16]);
  return {
    inputs: [
      value("inputs_embeds", "float32", ["b", "s", 32]),
      value("attention_mask", "int64", ["b", "t"]),
      value("position_ids", "int64", ["b", "s"]),
      cache("past_key_values.0.key"),
      cache("past_key_values.0.value"),
    ],
    outputs: [
      value("logits", "float32", ["b", "s", 260]),
      cache("present.0.key"),
      cache("present.0.value"),
    ],
  };
}

const vision = (input: Shape, output: Shape) => ({
  inputs: [value("pixel_values", "float32", input)],
  outputs: [value("image_features", "float32", output)],
});

const free = ["b", 3, "h", "w"];

function refuses(message: string, check: () => void): void {
  expect(check).toThrow(
    expect.objectContaining({
      code: "model-mismatch",
      message: expect.stringContaining(message) as string,
    }),
  );
}

test("the published graphs pass", () => {
  checkGraph("vision_encoder", vision(free, ["b", "t", 32]), config);
  checkGraph("vision_encoder", vision([1, 3, "h", "w"], [1, "", 32]), config);
  checkGraph("decoder_model_merged", decoder(), config);
});

test("a half-precision cache passes", () => {
  const { inputs, outputs } = decoder();
  const half = [...inputs, ...outputs].filter(({ name }) => /\.0\./.test(name));
  for (const cache of half) cache.type = "float16";
  checkGraph("decoder_model_merged", { inputs, outputs }, config);
});

test("what differs is named", () => {
  refuses("image_features is [b, t, 64]", () => {
    checkGraph("vision_encoder", vision(free, ["b", "t", 64]), config);
  });
  refuses("pixel_values is [b, 3, 256, 256]", () => {
    const fixed = vision(["b", 3, 256, 256], ["b", "t", 32]);
    checkGraph("vision_encoder", fixed, config);
  });
  refuses("embed_tokens: input input_ids is missing", () => {
    checkGraph("embed_tokens", { inputs: [], outputs: [] }, config);
  });
  refuses("past_key_values.1.key is missing", () => {
    checkGraph("decoder_model_merged", decoder(), { ...config, layers: 2 });
  });
  refuses("past_key_values.1.key is missing", () => {
    checkGraph("decoder_model_merged", decoder(), { ...config, layers: 1e9 });
  });
  refuses("input use_cache_branch is not", () => {
    const { inputs, outputs } = decoder();
    inputs.push(value("use_cache_branch", "bool", [1]));
    checkGraph("decoder_model_merged", { inputs, outputs }, config);
  });
  refuses("logits is float16, not float32", () => {
    const { inputs, outputs } = decoder();
    outputs[0] = value("logits", "float16", ["b", "s", 260]);
    checkGraph("decoder_model_merged", { inputs, outputs }, config);
  });
});

test("a tokenizer with more ids than the decoder has tokens is refused", () => {
  checkVocabulary(259, decoder());
  checkVocabulary(1e6, {
    outputs: [value("logits", "float32", ["b", "s", "v"])],
  });
  refuses("ids up to 260", () => checkVocabulary(260, decoder()));
});
