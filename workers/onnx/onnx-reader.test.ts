import { openAsBlob, readFileSync } from "node:fs";
import { expect, test, vi } from "vitest";
import { VlmError } from "../../src/shared/errors";
import { readOnnx } from "./onnx-reader";
import { writeSkeleton } from "./skeleton";
import {
  contentField,
  contentHeader,
  numberField,
  textField,
} from "./protobuf";

const nano = (name: string) =>
  openAsBlob(
    new URL(`../../public/models/nano/onnx/${name}.onnx`, import.meta.url),
  );

const micro = readFileSync(
  new URL("../testing/micro/onnx/decoder_model_merged.onnx", import.meta.url),
);

test("reads values, nodes and the locations of weights of a published graph", async () => {
  const graph = await readOnnx("d.onnx", await nano("decoder_model_merged_q4"));
  expect(graph.inputs.map(({ name }) => name)).toContain("position_ids");
  const embeds = graph.inputs.find(({ name }) => name === "inputs_embeds");
  expect(embeds?.type).toBe("float32");
  expect(embeds?.shape).toHaveLength(3);
  expect(graph.outputs[0]).toMatchObject({ name: "logits", type: "float32" });
  const ops = new Set(graph.nodes.map(({ op }) => op));
  expect(ops).toContain("MatMulNBits");
  expect(graph.opsets.get("com.microsoft")).toBe(1);
  const bits = graph.nodes.find(({ op }) => op === "MatMulNBits")?.attributes;
  expect(bits?.get("bits")).toBe(4);
  const weights = [...graph.initializers.values()];
  const bytes = weights.reduce((sum, { data }) => sum + (data?.length ?? 0), 0);
  expect(bytes / graph.blob.size).toBeGreaterThan(0.9);
  expect(graph.externalFiles).toEqual([]);
});

test("the skeleton is the same model with external weights", async () => {
  const blob = await nano("decoder_model_merged");
  const graph = await readOnnx("d.onnx", blob);
  const bytes = await writeSkeleton(graph, "d.onnx");
  expect(bytes.length).toBeLessThan(blob.size / 20);
  const skeleton = await readOnnx("skeleton.onnx", new Blob([bytes]));
  expect(skeleton.inputs).toEqual(graph.inputs);
  expect(skeleton.outputs).toEqual(graph.outputs);
  expect(skeleton.nodes).toEqual(graph.nodes);
  expect(skeleton.opsets).toEqual(graph.opsets);
  expect(skeleton.metadata).toEqual(graph.metadata);
  expect(skeleton.externalFiles).toEqual(["d.onnx"]);
  for (const [name, { type, dims, data }] of graph.initializers) {
    const found = skeleton.initializers.get(name);
    expect(found).toMatchObject({ type, dims });
    if (data === undefined || found?.data === undefined) continue;
    const { location, offset, length } = found.data;
    const from = location === undefined ? new Blob([bytes]) : blob;
    const stored = async (file: Blob, at: number, size: number) =>
      Buffer.from(await file.slice(at, at + size).arrayBuffer());
    const moved = await stored(from, offset, length);
    const original = await stored(blob, data.offset, data.length);
    expect(original.equals(moved), name).toBe(true);
  }
});

/** A graph of one node and one weight with this TensorProto. */
function fileWith(tensor: readonly number[]): Blob {
  const node = [
    ...textField(1, "w"),
    ...textField(2, "y"),
    ...textField(4, "Abs"),
  ];
  const graph = [...contentField(1, node), ...contentField(5, tensor)];
  return new Blob([Uint8Array.from(contentField(7, graph))]);
}

const entry = (key: string, value: string) =>
  contentField(13, [...textField(1, key), ...textField(2, value)]);

const external = (location: string) => [
  ...contentField(1, [2, 3]),
  ...numberField(2, 1),
  ...textField(8, "w"),
  ...entry("location", location),
  ...entry("offset", "4096"),
  ...entry("length", "24"),
];

test("reads the location of external data", async () => {
  const graph = await readOnnx("g.onnx", fileWith(external("g.onnx_data")));
  expect(graph.externalFiles).toEqual(["g.onnx_data"]);
  expect(graph.initializers.get("w")).toEqual({
    name: "w",
    type: "float32",
    dims: [2, 3],
    data: { location: "g.onnx_data", offset: 4096, length: 24 },
  });
});

for (const location of ["../secret", "/etc/passwd", "a\\b", "..", ""]) {
  test(`rejects with model-corrupt for external data in “${location}”`, async () => {
    await expect(readOnnx("g.onnx", fileWith(external(location))))
      .rejects //
      .toMatchObject({
        code: "model-corrupt",
        message: expect.stringContaining("g.onnx") as string,
      });
  });
}

const weight = (dims: readonly number[], raw: number) => [
  ...dims.flatMap((size) => numberField(1, size)),
  ...numberField(2, 1),
  ...textField(8, "w"),
  ...contentHeader(9, raw),
  ...new Array<number>(raw).fill(0),
];

const damaged: Readonly<Record<string, Blob>> = {
  "an empty file": new Blob([]),
  "a page of text": new Blob(["<!doctype html><title>Not found</title>"]),
  zeros: new Blob([new Uint8Array(10_000)]),
  "millions of fields": new Blob([
    new Uint8Array(20_000_000).map((_, i) => (i % 2 === 0 ? 8 : 1)),
  ]),
  "no graph": new Blob([Uint8Array.from(numberField(1, 8))]),
  "a negative length": new Blob([
    Uint8Array.of(58, ...new Array<number>(9).fill(255), 1),
  ]),
  "a shape that does not fit its bytes": fileWith(weight([3], 8)),
  "an impossibly large shape": fileWith(weight([2 ** 40, 2 ** 40], 8)),
  "a thousand dimensions": fileWith(weight(new Array<number>(1000).fill(1), 4)),
};

for (const [what, blob] of Object.entries(damaged)) {
  test(`rejects with model-corrupt for ${what}`, async () => {
    const slice = vi.spyOn(blob, "slice");
    await expect(readOnnx("onnx/x.onnx", blob)).rejects.toMatchObject({
      code: "model-corrupt",
      message: expect.stringContaining("onnx/x.onnx") as string,
    });
    // No file makes it read the same bytes again and again.
    const read = slice.mock.calls.reduce((sum, [from = 0, to = 0]) => {
      return sum + Math.min(to, blob.size) - from;
    }, 0);
    expect(read).toBeLessThanOrEqual(2 * blob.size);
  });
}

test("rejects with model-corrupt for a truncated file", async () => {
  for (let i = 0; i < 60; i++) {
    const cut = Math.floor((micro.length * i) / 60);
    await expect(
      readOnnx("x.onnx", new Blob([micro.subarray(0, cut)])),
    ).rejects.toMatchObject({ code: "model-corrupt" });
  }
});

test("reads or rejects a file with random errors", async () => {
  let state = 1;
  const random = (below: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state % below;
  };
  let rejected = 0;
  for (let round = 0; round < 300; round++) {
    const bytes = new Uint8Array(micro);
    for (let n = 0; n < 8; n++) bytes[random(bytes.length)] = random(256);
    // The structure is at both ends of the file, with weights in between.
    for (let n = 0; n < 2; n++) bytes[random(400)] = random(256);
    await readOnnx("x.onnx", new Blob([bytes])).catch((error: unknown) => {
      rejected += 1;
      expect(error).toBeInstanceOf(VlmError);
      expect(error).toMatchObject({ code: "model-corrupt" });
    });
  }
  expect(rejected).toBeGreaterThan(100);
});

test("finds weights in packed float_data like raw data", async () => {
  const values = Float32Array.from({ length: 600 }, (_, i) => i / 3);
  const packed = [...new Uint8Array(values.buffer)];
  const tensor = contentField(5, [
    ...numberField(1, values.length),
    ...numberField(2, 1),
    ...contentField(4, packed),
    ...textField(8, "weight"),
  ]);
  const node = contentField(1, textField(4, "Identity"));
  const bytes = Uint8Array.from(contentField(7, [...node, ...tensor]));
  const graph = await readOnnx("d.onnx", new Blob([bytes]));
  const weight = graph.initializers.get("weight");
  expect(weight).toMatchObject({ type: "float32", dims: [values.length] });
  const { offset = 0, length = 0 } = weight?.data ?? {};
  expect([...bytes.subarray(offset, offset + length)]).toEqual(packed);
  const skeleton = await writeSkeleton(graph, "d.onnx");
  expect(skeleton.length).toBeLessThan(200);
});

test("tells an output of unknown rank from a scalar", async () => {
  const node = contentField(1, textField(4, "Identity"));
  const output = (name: string, shape: readonly number[]) => {
    const tensor = [...numberField(1, 1), ...shape];
    const type = contentField(2, contentField(1, tensor));
    return contentField(12, [...textField(1, name), ...type]);
  };
  const scalar = output("scalar", contentField(2, []));
  const graph = [...node, ...output("unknown", []), ...scalar];
  const bytes = Uint8Array.from(contentField(7, graph));
  const { outputs } = await readOnnx("d.onnx", new Blob([bytes]));
  expect(outputs).toEqual([
    { name: "unknown", type: "float32", shape: undefined },
    { name: "scalar", type: "float32", shape: [] },
  ]);
});
