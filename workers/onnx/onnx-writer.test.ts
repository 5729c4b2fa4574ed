import { expect, test } from "vitest";
import { readOnnx } from "./onnx-reader";
import { writeModel } from "./onnx-writer";

test("reads back attributes of every type and constants", async () => {
  const model = writeModel(
    [
      {
        op: "Conv",
        domain: "com.microsoft",
        inputs: ["x", "", "w"],
        outputs: ["y"],
        attributes: {
          axis: -1,
          far: -(2 ** 40) - 3,
          large: 2 ** 33,
          epsilon: { float: 1e-6 },
          auto_pad: "NOTSET",
          pads: [0, -1, 300],
        },
      },
    ],
    [{ name: "x", type: "float32", shape: [1, "n"] }],
    [{ name: "y", type: "float16", shape: [] }],
    [
      {
        name: "w",
        type: "int64",
        dims: [2],
        bytes: new Uint8Array(BigInt64Array.of(1n, -1n).buffer),
      },
    ],
  );
  const graph = await readOnnx("test.onnx", new Blob([model]));
  const [node] = graph.nodes;
  expect(node?.inputs).toEqual(["x", "", "w"]);
  expect(node?.attributes).toEqual(
    new Map([
      ["axis", -1],
      ["far", -(2 ** 40) - 3],
      ["large", 2 ** 33],
    ]),
  );
  expect(node?.floats).toEqual(new Map([["epsilon", Math.fround(1e-6)]]));
  expect(node?.texts).toEqual(new Map([["auto_pad", "NOTSET"]]));
  expect(node?.lists).toEqual(new Map([["pads", [0, -1, 300]]]));
  expect(graph.inputs).toEqual([
    { name: "x", type: "float32", shape: [1, "n"] },
  ]);
  expect(graph.outputs).toEqual([{ name: "y", type: "float16", shape: [] }]);
  const weight = graph.initializers.get("w");
  expect(weight?.dims).toEqual([2]);
  const { offset = 0, length = 0 } = weight?.data ?? {};
  expect(
    new BigInt64Array(model.slice(offset, offset + length).buffer),
  ).toEqual(BigInt64Array.of(1n, -1n));
});
