import { expect, test } from "vitest";
import { parseDtype } from "./dtype";

test.each(["auto", "fp32", "fp16", "q8", "q4", "q4f16"])("%s", (text) => {
  expect(parseDtype(text)).toBe(text);
});

test("parses one dtype per graph, in any order", () => {
  const text = "decoder_model_merged=q4, embed_tokens=fp32,vision_encoder=fp16";
  expect(parseDtype(text)).toEqual({
    vision_encoder: "fp16",
    embed_tokens: "fp32",
    decoder_model_merged: "q4",
  });
});

test("leaves out the graphs that are not named", () => {
  expect(parseDtype("vision_encoder=fp16")).toEqual({ vision_encoder: "fp16" });
});

test.each([
  ["", /Unknown dtype “”/],
  ["fp64", /Unknown dtype “fp64”/],
  ["vision_encoder=fp64", /Unknown dtype “fp64”/],
  ["vision=fp32", /Unknown graph “vision”/],
  ["vision_encoder=fp32,", /Unknown graph “”/],
])("rejects “%s” with bad-option", (text, message) => {
  expect(() => parseDtype(text)).toThrow(
    expect.objectContaining({
      code: "bad-option",
      message: expect.stringMatching(message) as string,
    }),
  );
});
