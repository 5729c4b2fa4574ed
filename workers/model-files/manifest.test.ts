import { expect, test } from "vitest";
import type { ModelFile } from "../../src/shared/models";
import { findGraphs } from "./manifest";

/** Answers for a folder of these files, and counts the questions. */
function folder(sizes: Record<string, number>) {
  const asked: string[] = [];
  const stat = (paths: readonly string[]) => {
    asked.push(...paths);
    const files = paths.flatMap((path): ModelFile[] => {
      const bytes = sizes[path];
      return bytes === undefined ? [] : [{ path, bytes, kept: 0 }];
    });
    return Promise.resolve(new Map(files.map((file) => [file.path, file])));
  };
  return { stat, asked };
}

test("graphs are found in their dtypes, external data with them", async () => {
  const { stat, asked } = folder({
    "onnx/vision_encoder_fp16.onnx": 10,
    "onnx/embed_tokens.onnx": 20,
    "onnx/embed_tokens.onnx.data": 300,
    "onnx/decoder_model_merged_q4.onnx": 1,
    "onnx/decoder_model_merged_q4.onnx_data": 100,
    "onnx/decoder_model_merged_q4.onnx_data_1": 50,
    "onnx/decoder_model_merged_quantized.onnx": 60,
    "onnx/decoder_model_merged_bnb4.onnx": 7,
  });
  const found = await findGraphs(stat);
  expect(found.vision_encoder).toMatchObject([{ dtype: "fp16", bytes: 10 }]);
  expect(found.embed_tokens).toMatchObject([{ dtype: "fp32", bytes: 320 }]);
  const [bytes, decoder, ...others] = found.decoder_model_merged;
  expect(others).toEqual([]);
  expect(bytes).toMatchObject({ dtype: "q8", bytes: 60 });
  expect(decoder).toMatchObject({ dtype: "q4", bytes: 151 });
  expect(decoder?.files.map(({ path }) => path)).toEqual([
    "onnx/decoder_model_merged_q4.onnx",
    "onnx/decoder_model_merged_q4.onnx_data",
    "onnx/decoder_model_merged_q4.onnx_data_1",
  ]);
  // Where each question is a request: the graphs, their data, and its ends.
  expect(asked).toHaveLength(21 + 4 + 3 + 1 + 1);
});

test("an empty folder has none", async () => {
  const found = await findGraphs(folder({}).stat);
  expect(Object.values(found)).toEqual([[], [], []]);
});
