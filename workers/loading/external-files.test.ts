import { expect, test } from "vitest";
import type { ModelFile } from "../../src/shared/models";
import { findGraphs } from "../model-files/manifest";
import { LocalFolder } from "../store/local-folder";
import { decoderConfig } from "../testing/decoder-builder";
import { node, onnxFile, type Weight } from "../testing/onnx-file";
import { findExternalFiles } from "./external-files";

const { signal } = new AbortController();
const config = { ...decoderConfig, vocabulary: 1000 };

/** A graph with these weights, which are zeros. */
function graphOf(...weights: readonly Omit<Weight, "type" | "data">[]): Blob {
  return onnxFile({
    nodes: weights.map(({ name }) => node("Add", [name, name], `2 ${name}`)),
    inputs: [],
    outputs: [],
    weights: weights.map((weight) => {
      const bytes = weight.dims.reduce((a, b) => a * b, 4);
      const data = new Blob([new Uint8Array(bytes)]);
      return { ...weight, type: "float32", data };
    }),
  });
}

async function variantsOf(files: Readonly<Record<string, Blob>>) {
  const read: string[] = [];
  const given = Object.entries(files).map(([path, file]) => ({ path, file }));
  const folder = await LocalFolder.open("test", given);
  const stat = (paths: readonly string[]): Promise<Map<string, ModelFile>> =>
    folder.stat(paths);
  const fetch: LocalFolder["fetch"] = (paths, ...more) => {
    read.push(...paths);
    return folder.fetch(paths, ...more);
  };
  const usual = await findGraphs(stat);
  const found = await findExternalFiles({ stat, fetch }, usual, config, signal);
  return { usual, found, read };
}

const location = "shared.onnx.data";
const table = { name: "table", dims: [1000, 64], location };
const head = { name: "head", dims: [64, 1000], location, offset: 256_000 };
const conv = { name: "conv", dims: [8, 8], location, offset: 512_000 };
const shared = new Blob([new Uint8Array(600_000)]);

test("finds a file that all graphs share", async () => {
  const files = {
    "onnx/embed_tokens.onnx": graphOf(table),
    "onnx/decoder_model_merged.onnx": graphOf(table, head),
    "onnx/vision_encoder.onnx": graphOf(conv),
    "onnx/shared.onnx.data": shared,
  };
  const { found } = await variantsOf(files);
  const expected = {
    embed_tokens: 256_000,
    decoder_model_merged: 512_000,
    vision_encoder: 256,
  };
  for (const [graph, bytes] of Object.entries(expected)) {
    const path = `onnx/${graph}.onnx` as keyof typeof files;
    const [variant] = found[graph as keyof typeof expected];
    expect(variant?.files.map((file) => file.path)).toEqual([
      path,
      "onnx/shared.onnx.data",
    ]);
    expect(variant?.bytes).toBe(files[path].size + bytes);
  }
});

test("finds the usual file of another graph", async () => {
  const name = "decoder_model_merged.onnx_data";
  const { found, read } = await variantsOf({
    "onnx/embed_tokens.onnx": graphOf({ ...table, location: name }),
    "onnx/decoder_model_merged.onnx": graphOf({ ...head, location: name }),
    "onnx/decoder_model_merged.onnx_data": shared,
  });
  expect(found.embed_tokens[0]?.files[1]?.path).toBe(`onnx/${name}`);
  expect(read).toEqual(["onnx/embed_tokens.onnx"]);
});

test("reads no graph that may hold its weights", async () => {
  const files = {
    "onnx/embed_tokens.onnx": graphOf({ name: "table", dims: [1000, 64] }),
    "onnx/decoder_model_merged.onnx": graphOf({ name: "w", dims: [64, 64] }),
    "onnx/vision_encoder.onnx": graphOf({ name: "w", dims: [8, 8] }),
  };
  const { usual, found, read } = await variantsOf(files);
  expect(read).toEqual([]);
  expect(found).toEqual(usual);
});

test("leaves missing and damaged files to the load", async () => {
  const { usual, found } = await variantsOf({
    "onnx/embed_tokens.onnx": graphOf(table),
    "onnx/decoder_model_merged.onnx": new Blob(["damaged"]),
  });
  expect(found).toEqual(usual);
});
