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

test("prefers fp32 for the encoder and q4 for the decoder", () => {
  const everything: Dtype[] = ["fp32", "fp16", "q4", "q4f16"];
  const vision = next("vision_encoder", "fp16", ...everything);
  expect(vision.dtypes).toEqual({ ...all("fp16"), vision_encoder: "fp32" });
  const decoder = next("decoder_model_merged", "q4f16", ...everything);
  expect(decoder.dtypes.decoder_model_merged).toBe("q4");
  expect(decoder.reason).toMatch(/decoder_model_merged_q4f16.onnx.*acme.* q4 /);
});

test("skips dtypes that are missing or cannot run", () => {
  expect(next("vision_encoder", "fp16", "q4").dtypes.vision_encoder).toBe("q4");
  const stuck = eachGraph((): GraphFiles[] => [
    { dtype: "q4", files: [], bytes: 1, unsupportedReason: "it is too large." },
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

test("throws unsupported with the file's name if there is no wider dtype", () => {
  expect(() => next("vision_encoder", "fp16", "fp16", "q4f16")).toThrow(
    expect.objectContaining({
      code: "unsupported",
      message: expect.stringContaining("vision_encoder_fp16.onnx") as string,
    }),
  );
});

test("throws model-corrupt if a graph in 32 bits overflows", () => {
  for (const dtype of ["fp32", "q4"] as const) {
    expect(() => next("embed_tokens", dtype, "fp32", "q4")).toThrow(
      expect.objectContaining({ code: "model-corrupt" }),
    );
  }
});
