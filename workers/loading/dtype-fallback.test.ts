import { expect, test } from "vitest";
import type { Dtype, Graph, GraphFiles } from "../../src/shared/models";
import { fallBackToWiderDtype } from "./dtype-fallback";
import { eachGraph } from "../model-files/manifest";

const has = (...dtypes: Dtype[]) =>
  eachGraph((): GraphFiles[] =>
    dtypes.map((dtype) => ({ dtype, files: [], bytes: 1 })),
  );

const all = (dtype: Dtype) => eachGraph(() => dtype);

function next(graph: Graph, from: Dtype, ...there: Dtype[]) {
  return fallBackToWiderDtype(graph, all(from), has(...there), "acme gpu");
}

test("the encoder widens to what is exact, the decoder to what is compact", () => {
  const everything: Dtype[] = ["fp32", "fp16", "q4", "q4f16"];
  const vision = next("vision_encoder", "fp16", ...everything);
  expect(vision.dtypes).toEqual({ ...all("fp16"), vision_encoder: "fp32" });
  const decoder = next("decoder_model_merged", "q4f16", ...everything);
  expect(decoder.dtypes.decoder_model_merged).toBe("q4");
  expect(decoder.reason).toMatch(/decoder_model_merged_q4f16.onnx.*acme.* q4 /);
});

test("whatever is wide is taken, if it runs", () => {
  expect(next("vision_encoder", "fp16", "q4").dtypes.vision_encoder).toBe("q4");
  const stuck = eachGraph((): GraphFiles[] => [
    { dtype: "q4", files: [], bytes: 1, obstacle: "it is too large." },
    { dtype: "fp32", files: [], bytes: 1 },
  ]);
  const { dtypes } = fallBackToWiderDtype(
    "decoder_model_merged",
    all("fp16"),
    stuck,
    "",
  );
  expect(dtypes.decoder_model_merged).toBe("fp32");
});

test("nothing wider is an error that names the file", () => {
  expect(() => next("vision_encoder", "fp16", "fp16", "q4f16")).toThrow(
    expect.objectContaining({
      code: "unsupported",
      message: expect.stringContaining("vision_encoder_fp16.onnx") as string,
    }),
  );
});

test("32 bits do not overflow: the weights are spoiled", () => {
  for (const dtype of ["fp32", "q4"] as const) {
    expect(() => next("embed_tokens", dtype, "fp32", "q4")).toThrow(
      expect.objectContaining({ code: "model-corrupt" }),
    );
  }
});
