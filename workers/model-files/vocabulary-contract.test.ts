import { expect, test } from "vitest";
import { checkTogether, checkVocabulary } from "./vocabulary-contract";

const value = (name: string, shape: (number | string)[]) => ({
  name,
  type: "float32",
  shape,
});

const graphs = (
  vision: number | string,
  embed: number | string,
  decoder: number | string,
) => ({
  vision_encoder: {
    file: "onnx/vision_encoder_fp16.onnx",
    inputs: [],
    outputs: [value("image_features", ["b", "t", vision])],
  },
  embed_tokens: {
    file: "onnx/embed_tokens.onnx",
    inputs: [],
    outputs: [value("inputs_embeds", ["b", "s", embed])],
  },
  decoder_model_merged: {
    file: "onnx/decoder_model_merged_q4.onnx",
    inputs: [value("inputs_embeds", ["b", "s", decoder])],
    outputs: [value("logits", ["b", "s", 151646])],
  },
});

const rejects = (message: string | RegExp, check: () => void) => {
  expect(check).toThrow(
    expect.objectContaining({
      code: "model-mismatch",
      message: expect.stringMatching(message) as string,
    }),
  );
};

test("accepts graphs of equal or free width", () => {
  checkTogether(graphs(896, 896, 896));
  checkTogether(graphs("h", 896, 896));
  checkTogether(graphs(896, 1536, "h"));
});

test("names both graphs of different models", () => {
  rejects(/vision_encoder_fp16.*width 896.*decoder.*_q4.*1536/, () =>
    checkTogether(graphs(896, 1536, 1536)),
  );
  rejects(/embed_tokens\.onnx.*width 1536.*decoder.*_q4.*896/, () =>
    checkTogether(graphs(896, 1536, 896)),
  );
});

/** FastVLM-0.5B: a row, but no logit, for `<image>`. */
const published = {
  lastId: 151646,
  imageToken: 151646,
  endTokens: [151645],
  rows: 151647,
};
const decoder = graphs(896, 896, 896).decoder_model_merged;

test("accepts the published vocabulary and a padded one", () => {
  checkVocabulary(published, decoder);
  checkVocabulary({ ...published, rows: 151936 }, decoder);
  checkVocabulary({ ...published, rows: undefined }, decoder);
  // The row of the image token is not needed.
  checkVocabulary({ ...published, rows: 151646 }, decoder);
  checkVocabulary({ ...published, endTokens: [] }, decoder);
});

test("rejects a tokenizer with more ids than the table has rows", () => {
  rejects(/ids up to 151645, but embed_tokens has 151645 rows/, () =>
    checkVocabulary({ ...published, rows: 151645 }, decoder),
  );
});

test("rejects a tokenizer without the model's end token", () => {
  const nano = { lastId: 425, imageToken: 425, endTokens: [151645] };
  rejects(/ids up to 425, but the model's end token 151645/, () =>
    checkVocabulary({ ...nano, rows: 151647 }, decoder),
  );
  checkVocabulary({ ...published, endTokens: [151645, 999999] }, decoder);
});

test("rejects a decoder without logits for the end token", () => {
  const short = { ...decoder, outputs: [value("logits", ["b", "s", 151645])] };
  rejects(/decoder_model_merged_q4.onnx has logits for 151645/, () =>
    checkVocabulary(published, short),
  );
  checkVocabulary({ ...published, endTokens: [151643, 151645] }, short);
});
