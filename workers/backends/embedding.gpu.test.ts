import { expect, test } from "vitest";
import { openEmbedding } from "./embedding";
import { fromHalf, toHalf } from "../util/float16";
import { Tensors } from "../ort/tensor";
import {
  node,
  onnxFile,
  type OnnxFile,
  type Weight,
} from "../testing/onnx-file";
import { readOnnx } from "../onnx/onnx-reader";

const rows = 300;
const width = 32;
const values = Float32Array.from({ length: rows * width }, (_, i) =>
  Math.fround(Math.sin(i) * 3),
);
const halves = toHalf(values);
const ids = [7, 0, 299, 7, 8, 150];

const tensors = new Tensors(undefined);

const file = (
  nodes: OnnxFile["nodes"],
  weights: readonly Weight[],
  type = "float32",
): Blob =>
  onnxFile({
    nodes,
    inputs: [
      { name: "input_ids", type: "int64", shape: ["batch", "sequence"] },
    ],
    outputs: [
      { name: "inputs_embeds", type, shape: ["batch", "sequence", width] },
    ],
    weights,
  });

async function embed(
  blob: Blob,
  external = new Map<string, Blob>(),
): Promise<{ type: string; dims: readonly number[]; data: number[] }> {
  const graph = await readOnnx("onnx/embed_tokens.onnx", blob);
  const embedder = await openEmbedding(graph, external, tensors);
  const { type, dims, data } = await embedder.embed(ids);
  await embedder.release();
  if (type === "float32")
    return { type, dims, data: [...(data as Float32Array)] };
  const { buffer } = data as Uint16Array;
  return { type, dims, data: [...fromHalf(new Uint16Array(buffer))] };
}

const rowsOf = (table: Float32Array): number[] =>
  ids.flatMap((id) => [...table.subarray(id * width, (id + 1) * width)]);

const table: Weight = {
  name: "table",
  type: "float32",
  dims: [rows, width],
  data: new Blob([values]),
};
const half: Weight = { ...table, type: "float16", data: new Blob([halves]) };
const dims = [1, ids.length, width];

test("reads rows of a float32 table", async () => {
  const blob = file(
    [node("Gather", ["table", "input_ids"], "inputs_embeds")],
    [table],
  );
  expect(await embed(blob)).toEqual({
    type: "float32",
    dims,
    data: rowsOf(values),
  });
});

test("reads float32 rows of a float16 table in an external file", async () => {
  const nodes = [
    node("Gather", ["table", "input_ids"], "halves"),
    node("Cast", ["halves"], "inputs_embeds", { to: 1 }),
  ];
  const blob = file(nodes, [{ ...half, location: "data", offset: 100 }]);
  const data = new Blob([new Uint8Array(100), halves]);
  expect(await embed(blob, new Map([["data", data]]))).toEqual({
    type: "float32",
    dims,
    data: rowsOf(fromHalf(halves)),
  });
  await expect(embed(blob)).rejects.toMatchObject({
    code: "model-file-missing",
    message: expect.stringContaining("onnx/data") as string,
  });
  const cut = new Map([["data", data.slice(0, 1000)]]);
  await expect(embed(blob, cut)).rejects.toMatchObject({
    code: "model-corrupt",
    message: expect.stringContaining("onnx/data") as string,
  });
});

test("reads rows of a float16 table", async () => {
  const nodes = [node("Gather", ["table", "input_ids"], "inputs_embeds")];
  expect(await embed(file(nodes, [half], "float16"))).toEqual({
    type: "float16",
    dims,
    data: rowsOf(fromHalf(halves)),
  });
});

test("runs a graph that is not a lookup table on the CPU", async () => {
  const nodes = [
    node("Gather", ["table", "input_ids"], "part"),
    node("Add", ["part", "part"], "inputs_embeds"),
  ];
  expect(await embed(file(nodes, [table]))).toEqual({
    type: "float32",
    dims,
    data: rowsOf(values).map((value) => value * 2),
  });
});

test("reads rows of an 8-bit table with one scale", async () => {
  const bytes = Uint8Array.from(
    values,
    (value) => Math.round(value * 40) + 128,
  );
  const nodes = [
    node("Gather", ["table", "input_ids"], "bytes"),
    node("DequantizeLinear", ["bytes", "scale", "zero"], "inputs_embeds"),
  ];
  const weights: Weight[] = [
    { ...table, type: "uint8", data: new Blob([bytes]) },
    {
      name: "scale",
      type: "float32",
      dims: [],
      data: new Blob([Float32Array.of(0.025)]),
    },
    {
      name: "zero",
      type: "uint8",
      dims: [],
      data: new Blob([Uint8Array.of(128)]),
    },
  ];
  const { data } = await embed(file(nodes, weights));
  for (const [i, value] of rowsOf(values).entries()) {
    expect(Math.abs((data[i] ?? NaN) - value)).toBeLessThan(0.0126);
  }
});

test("reads rows of a 4-bit table in blocks", async () => {
  const fours = Uint8Array.from(
    { length: values.length / 2 },
    (_, i) => i * 37,
  );
  const scales = Float32Array.from(
    { length: rows * 2 },
    (_, i) => 0.1 + i / 1000,
  );
  const nodes = [
    node(
      "GatherBlockQuantized",
      ["table", "input_ids", "scales", "zeros"],
      "inputs_embeds",
      { block_size: 16, gather_axis: 0, quantize_axis: 1 },
      "com.microsoft",
    ),
  ];
  const weights: Weight[] = [
    { ...table, type: "uint4", data: new Blob([fours]) },
    {
      name: "scales",
      type: "float32",
      dims: [rows, 2],
      data: new Blob([scales]),
    },
    {
      name: "zeros",
      type: "uint4",
      dims: [rows, 2],
      data: new Blob([new Uint8Array(rows).fill(0x88)]),
    },
  ];
  const { data } = await embed(file(nodes, weights));
  const wanted = Float32Array.from(values, (_, i) => {
    const byte = fours[i >> 1] ?? 0;
    const four = i % 2 === 0 ? byte & 15 : byte >> 4;
    return (four - 8) * (scales[Math.floor(i / 16)] ?? 0);
  });
  for (const [i, value] of rowsOf(wanted).entries()) {
    expect(Math.abs((data[i] ?? NaN) - value)).toBeLessThan(1e-5);
  }
});

test("rejects a token beyond the table", async () => {
  const blob = file(
    [node("Gather", ["table", "input_ids"], "inputs_embeds")],
    [
      {
        ...table,
        dims: [299, width],
        data: table.data.slice(0, 299 * width * 4),
      },
    ],
  );
  await expect(embed(blob)).rejects.toMatchObject({
    code: "model-mismatch",
    message: expect.stringContaining("299") as string,
  });
});
