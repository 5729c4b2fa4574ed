import { expect, test } from "vitest";
import { checkGraph, fixedImageSize } from "./graph-contract";

const config = {
  name: "test",
  hidden: 32,
  layers: 1,
  heads: 2,
  kvHeads: 1,
  headDim: 16,
  vocabulary: 260,
  visionWidth: 3072,
  contextLength: 512,
  imageToken: 259,
  endTokens: [258],
  size: 256,
};

type Shape = (number | string)[];
const value = (name: string, type: string, shape: Shape | undefined) => ({
  name,
  type,
  shape,
});

function decoder() {
  const cache = (name: string) => value(name, "float32", ["b", 1, "p", 16]);
  return {
    file: "onnx/decoder_model_merged_q4.onnx",
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

const vision = (input: Shape, output: Shape | undefined) => ({
  file: "onnx/vision_encoder.onnx",
  inputs: [value("pixel_values", "float32", input)],
  outputs: [value("image_features", "float32", output)],
});

const free = ["b", 3, "h", "w"];

function rejects(message: string, check: () => void): void {
  expect(check).toThrow(
    expect.objectContaining({
      code: "model-mismatch",
      message: expect.stringContaining(message) as string,
    }),
  );
}

test("accepts the published graphs", () => {
  checkGraph("vision_encoder", vision(free, ["b", "t", 32]), config);
  checkGraph("vision_encoder", vision([1, 3, "h", "w"], [1, "", 32]), config);
  checkGraph("decoder_model_merged", decoder(), config);
});

test("accepts half precision between the graphs", () => {
  const { inputs, outputs, ...rest } = decoder();
  for (const one of [...inputs, ...outputs]) {
    if (one.type === "float32") one.type = "float16";
  }
  checkGraph("decoder_model_merged", { ...rest, inputs, outputs }, config);
  const half = vision(free, ["b", "t", 32]);
  for (const one of [...half.inputs, ...half.outputs]) one.type = "float16";
  checkGraph("vision_encoder", half, config);
});

test("accepts missing positions and mask, and additional outputs", () => {
  const { inputs, outputs, ...rest } = decoder();
  const fewer = inputs.filter(({ type }) => type !== "int64");
  const more = [...outputs, value("hidden_states", "float32", ["b"])];
  const values = { ...rest, inputs: fewer, outputs: more };
  checkGraph("decoder_model_merged", values, config);
});

test("accepts an encoder for the model's image size only", () => {
  const fixed = vision([1, 3, 256, 256], [1, 16, 32]);
  checkGraph("vision_encoder", fixed, config);
  expect(fixedImageSize(fixed)).toBe(256);
  expect(fixedImageSize(vision(free, ["b", "t", 32]))).toBeUndefined();
});

test("accepts outputs of unknown rank, and features without a batch", () => {
  checkGraph("vision_encoder", vision(free, undefined), config);
  checkGraph("vision_encoder", vision(free, ["t", 32]), config);
});

test("accepts the inputs that transformers.js provides", () => {
  const { inputs, ...rest } = decoder();
  const more = [
    value("num_logits_to_keep", "int64", []),
    value("use_cache_branch", "bool", [1]),
  ];
  const values = { ...rest, inputs: [...inputs, ...more] };
  checkGraph("decoder_model_merged", values, config);
});

test("accepts fixed sizes of free output dimensions", () => {
  checkGraph("vision_encoder", vision(free, [1, 256, 32]), config);
});

test("names the first difference", () => {
  rejects("image_features has the shape [b, t, 64]", () => {
    checkGraph("vision_encoder", vision(free, ["b", "t", 64]), config);
  });
  rejects(
    "pixel_values has the shape [1, 3, 128, 128], not [batch, 3, height or 256, width or 256]",
    () => {
      const fixed = vision([1, 3, 128, 128], ["b", "t", 32]);
      checkGraph("vision_encoder", fixed, config);
    },
  );
  rejects("onnx/embed_tokens.onnx: input input_ids is missing", () => {
    const file = "onnx/embed_tokens.onnx";
    checkGraph("embed_tokens", { file, inputs: [], outputs: [] }, config);
  });
  rejects("pixel_values is uint8, not float32 or float16", () => {
    const { inputs, ...rest } = vision(free, ["b", "t", 32]);
    const bytes = inputs.map((one) => ({ ...one, type: "uint8" }));
    checkGraph("vision_encoder", { ...rest, inputs: bytes }, config);
  });
  rejects(
    "past_key_values.0.key has the shape [b, 2, p, 16], not [batch, 1, ",
    () => {
      const { inputs, ...rest } = decoder();
      const [, , , key, ...others] = inputs;
      const wide = { ...(key ?? value("", "", [])), shape: ["b", 2, "p", 16] };
      const changed = [...inputs.slice(0, 3), wide, ...others];
      checkGraph("decoder_model_merged", { ...rest, inputs: changed }, config);
    },
  );
  rejects("past_key_values.1.key is missing", () => {
    checkGraph("decoder_model_merged", decoder(), { ...config, layers: 2 });
  });
  rejects("past_key_values.1.key is missing", () => {
    checkGraph("decoder_model_merged", decoder(), { ...config, layers: 1e9 });
  });
  rejects(
    "input encoder_hidden_states is not expected for the 1 layer in",
    () => {
      const values = decoder();
      values.inputs.push(value("encoder_hidden_states", "float32", ["b"]));
      checkGraph("decoder_model_merged", values, config);
    },
  );
  rejects("logits is int64, not float32 or float16", () => {
    const values = decoder();
    values.outputs[0] = value("logits", "int64", ["b", "s", 260]);
    checkGraph("decoder_model_merged", values, config);
  });
});
