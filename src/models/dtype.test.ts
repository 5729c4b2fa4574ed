import { expect, test } from "vitest";
import { parseDtype } from "./dtype";

test.each(["auto", "fp32", "fp16", "q4", "q4f16"])("%s", (text) => {
  expect(parseDtype(text)).toBe(text);
});

test("one for each graph, in any order", () => {
  const text = "decoder_model_merged=q4, embed_tokens=fp32,vision_encoder=fp16";
  expect(parseDtype(text)).toEqual({
    vision_encoder: "fp16",
    embed_tokens: "fp32",
    decoder_model_merged: "q4",
  });
});

test("a graph that is left out stays open", () => {
  expect(parseDtype("vision_encoder=fp16")).toEqual({ vision_encoder: "fp16" });
});

test.each([
  ["", /no dtype “”/],
  ["fp64", /no dtype “fp64”/],
  ["vision_encoder=fp64", /no dtype “fp64”/],
  ["vision=fp32", /no graph “vision”/],
  ["vision_encoder=fp32,", /no graph “”/],
])("refuses “%s”", (text, message) => {
  expect(() => parseDtype(text)).toThrow(
    expect.objectContaining({
      code: "bad-option",
      message: expect.stringMatching(message) as string,
    }),
  );
});
