import { expect, test } from "vitest";
import { fromHalf } from "../util/float16";
import golden from "./block-rows.golden.json";
import { EmbeddingRows } from "./embedding-rows";
import { embeddingTable } from "./embedding-table";
import { readOnnx } from "../onnx/onnx-reader";

for (const [what, { onnx, ids, rows }] of Object.entries(golden)) {
  test(`rows in blocks of ${what} are those of ONNX Runtime, bit by bit`, async () => {
    const blob = new Blob([Buffer.from(onnx, "base64")]);
    const graph = await readOnnx("e.onnx", blob);
    const table = embeddingTable(graph);
    expect(table).toBeDefined();
    if (table === undefined) return;
    const found = await new EmbeddingRows(graph, new Map(), table).read(ids);
    expect(found instanceof Uint16Array).toBe(what.includes("halves"));
    const floats = found instanceof Uint16Array ? fromHalf(found) : found;
    expect([...floats]).toEqual(rows);
  });
}
