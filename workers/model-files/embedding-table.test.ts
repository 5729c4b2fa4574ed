import { openAsBlob } from "node:fs";
import { expect, test } from "vitest";
import { node, onnxFile, type Weight } from "../testing/onnx-file";
import { embeddingTable } from "./embedding-table";
import { readOnnx } from "../onnx/onnx-reader";
import { RowReader } from "./row-reader";

const table: Weight = {
  name: "table",
  type: "float32",
  dims: [64, 8],
  data: new Blob([Float32Array.from({ length: 512 }, (_, i) => i)]),
};
const half: Weight = {
  ...table,
  type: "float16",
  data: new Blob([new Uint16Array(512)]),
};
const sliced: Weight = {
  name: "ends",
  type: "int64",
  dims: [1],
  data: new Blob([BigInt64Array.of(4n)]),
};

async function tableOf(
  nodes: ReturnType<typeof node>[],
  weights: Weight[] = [table],
  type = "float32",
) {
  const ids = {
    name: "input_ids",
    type: "int64",
    shape: ["batch", "sequence"],
  };
  const rows = { name: "inputs_embeds", type, shape: ["batch", "sequence", 8] };
  const file = onnxFile({ nodes, inputs: [ids], outputs: [rows], weights });
  return embeddingTable(await readOnnx("e.onnx", file));
}

test("nano's embed_tokens is a table", async () => {
  const path = "../../public/models/nano/onnx/embed_tokens.onnx";
  const blob = await openAsBlob(new URL(path, import.meta.url));
  const found = embeddingTable(await readOnnx("e.onnx", blob));
  expect(found).toMatchObject({ type: "float32", outputType: "float32" });
  expect((found?.rows ?? 0) * (found?.width ?? 0) * 4).toBe(found?.data.length);
});

test("recognises tables with casts before and after the lookup", async () => {
  const gather = node("Gather", ["table", "input_ids"], "inputs_embeds");
  expect(await tableOf([gather])).toMatchObject({
    rows: 64,
    width: 8,
    outputType: "float32",
  });
  const casts = [
    node("Cast", ["input_ids"], "short", { to: 6 }),
    node("Gather", ["table", "short"], "halves", { axis: 0 }),
    node("Cast", ["halves"], "floats", { to: 1 }),
    node("Identity", ["floats"], "inputs_embeds"),
  ];
  expect(await tableOf(casts, [half])).toMatchObject({
    type: "float16",
    outputType: "float32",
  });
  const halves = [node("Gather", ["table", "input_ids"], "inputs_embeds")];
  expect(await tableOf(halves, [half], "float16")).toMatchObject({
    outputType: "float16",
  });
});

const others: Readonly<Record<string, Parameters<typeof tableOf>>> = {
  "rows that are scaled": [
    [
      node("Gather", ["table", "input_ids"], "part"),
      node("Add", ["part", "part"], "inputs_embeds"),
    ],
  ],
  "another axis": [
    [node("Gather", ["table", "input_ids"], "inputs_embeds", { axis: 1 })],
  ],
  "ids as floats between": [
    [
      node("Cast", ["input_ids"], "floats", { to: 1 }),
      node("Cast", ["floats"], "again", { to: 7 }),
      node("Gather", ["table", "again"], "inputs_embeds"),
    ],
  ],
  "a table that is computed": [
    [
      node("Slice", ["whole", "ends", "ends"], "table"),
      node("Gather", ["table", "input_ids"], "inputs_embeds"),
    ],
    [{ ...table, name: "whole" }, sliced],
  ],
  "an operator of that name elsewhere": [
    [
      node(
        "Gather",
        ["table", "input_ids"],
        "inputs_embeds",
        {},
        "com.example",
      ),
    ],
  ],
  "rounded through halves": [
    [
      node("Gather", ["table", "input_ids"], "floats"),
      node("Cast", ["floats"], "halves", { to: 10 }),
      node("Cast", ["halves"], "inputs_embeds", { to: 1 }),
    ],
  ],
};

for (const [what, facts] of Object.entries(others)) {
  test(`${what}: no plain table`, async () => {
    expect(await tableOf(...facts)).toBeUndefined();
  });
}

test("takes the embeddings from inputs_embeds, whatever else the graph outputs", async () => {
  const nodes = [
    node("Shape", ["input_ids"], "shape"),
    node("Gather", ["table", "input_ids"], "inputs_embeds"),
  ];
  const float = { type: "float32", shape: ["batch", "sequence", 8] };
  const file = onnxFile({
    nodes,
    inputs: [{ name: "input_ids", type: "int64", shape: ["batch", "n"] }],
    outputs: [
      { name: "shape", type: "int64", shape: [2] },
      { name: "inputs_embeds", ...float },
    ],
    weights: [table],
  });
  const found = embeddingTable(await readOnnx("e.onnx", file));
  expect(found).toMatchObject({ rows: 64, width: 8 });
});

/** Counts what is read of it. */
class CountingBlob extends Blob {
  readonly slices: number[] = [];

  override slice(start = 0, end = 0): Blob {
    this.slices.push(end - start);
    return super.slice(start, end);
  }
}

test("rows come in order, near ones in one slice, and once", async () => {
  const [rows, width] = [1000, 1024];
  const floats = Float32Array.from({ length: rows * width }, (_, i) =>
    Math.floor(i / width),
  );
  const blob = new CountingBlob([new Uint8Array(7), floats]);
  const reader = new RowReader("e.onnx", blob, 7, width * 4);
  const read = async (ids: number[]) => {
    const found = new Float32Array((await reader.read(ids)).buffer);
    return ids.map((_, i) => found[i * width]);
  };
  const ids = [5, 999, 3, 5, 500];
  expect(await read(ids)).toEqual(ids);
  expect(blob.slices.sort((a, b) => a - b)).toEqual([4096, 4096, 3 * 4096]);
  expect(await read([3, 500])).toEqual([3, 500]);
  expect(blob.slices).toHaveLength(3);
  expect(await read([])).toEqual([]);
});

test("a long text does not fill the memory", async () => {
  const [rows, width] = [4096, 4096];
  const bytes = new Uint8Array(rows * width * 2);
  const blob = new CountingBlob([bytes]);
  const reader = new RowReader("e.onnx", blob, 0, width * 2);
  for (let row = 0; row < rows; row += 16) await reader.read([row]);
  blob.slices.length = 0;
  await reader.read([rows - 16]);
  expect(blob.slices, "the latest are kept").toEqual([]);
  for (let row = 0; row < rows; row += 2) await reader.read([row]);
  blob.slices.length = 0;
  await reader.read([0]);
  expect(blob.slices, "the oldest are not").toHaveLength(1);
});
