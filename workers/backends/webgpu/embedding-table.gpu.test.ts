import { afterAll, beforeAll, expect, test } from "vitest";
import { writeModel } from "../../onnx/onnx-writer";
import { StepAdvance } from "../../kernels/step-advance";
import { SamplerState } from "../../kernels/sampler-state";
import { readBack, submit } from "../../kernels/testing/gpu";
import type { Gpu } from "../../ort/device";
import { fromHalf, toHalf } from "../../util/float16";
import { bufferOf, testGpu } from "../../testing/on-gpu";
import golden from "../../model-files/block-rows.golden.json";
import { EmbeddingRows } from "../../model-files/embedding-rows";
import { embeddingTable } from "../../model-files/embedding-table";
import { readOnnx } from "../../onnx/onnx-reader";
import { GpuWeights } from "./gpu-weights";
import { planEmbeddingTable } from "./embedding-table";

type Type = "float32" | "float16";

let gpu: Gpu;

beforeAll(async () => {
  gpu = await testGpu();
});

afterAll(() => {
  gpu.close();
});

/** Rows of the table in `file`, read by the GPU and from the file. */
async function lookUp(
  file: Blob,
  ids: readonly number[],
  type: Type,
  largestBuffer?: number,
) {
  const graph = await readOnnx("e.onnx", file);
  const known = embeddingTable(graph);
  if (known === undefined) throw new Error("no table");
  const read = await new EmbeddingRows(graph, new Map(), known).read(ids);
  const wanted = read instanceof Uint16Array ? fromHalf(read) : read;

  const plan = planEmbeddingTable(graph, new Map(), largestBuffer);
  const weights = await GpuWeights.upload(gpu, plan.weights, () => undefined);
  const table = plan.bind(weights);
  const { device } = gpu;
  const sizes = { vocabulary: known.rows, rows: 1, ring: 4 };
  const state = new SamplerState(device, sizes);
  const bytes = known.width * (type === "float32" ? 4 : 2);
  const embeds = bufferOf(gpu, bytes);
  const lengths = [bufferOf(gpu, 4), bufferOf(gpu, 4)] as const;
  const [seqlens, total] = lengths;
  const next = { embeds, type, seqlens, total };
  const advance = new StepAdvance(device, state, table, next);
  const found: number[] = [];
  for (const id of ids) {
    device.queue.writeBuffer(state.picked, 0, Int32Array.of(id));
    submit(device, (pass) => {
      advance.encode(pass);
    });
    const row = (await readBack(device, embeds)).slice(0, bytes);
    const floats =
      type === "float32"
        ? new Float32Array(row)
        : fromHalf(new Uint16Array(row));
    found.push(...floats);
  }
  gpu.check();
  for (const buffer of [embeds, ...lengths]) buffer.destroy();
  state.dispose();
  weights.destroy();
  return {
    found,
    wanted: [...(type === "float32" ? wanted : fromHalf(toHalf(wanted)))],
  };
}

for (const type of ["float32", "float16"] as const) {
  for (const [what, { onnx, ids }] of Object.entries(golden)) {
    test(`reads ${type} rows from blocks of ${what}`, async () => {
      const bytes = Uint8Array.from(atob(onnx), (char) => char.charCodeAt(0));
      const { found, wanted } = await lookUp(new Blob([bytes]), ids, type);
      expect(found).toEqual(wanted);
    });
  }

  for (const stored of ["float32", "float16"] as const) {
    test(`reads ${type} rows of odd width from ${stored}`, async () => {
      const [rows, width] = [9, 131];
      const numbers = Float32Array.from(
        { length: rows * width },
        // Of all magnitudes, down to those below the range of float16.
        (_, i) => Math.sin(i) * 10 ** (4 - (i % 13)),
      );
      const data = stored === "float32" ? numbers : toHalf(numbers);
      const bytes = new Uint8Array(data.buffer);
      const dims = [rows, width];
      const model = writeModel(
        [
          {
            ...{ op: "Gather", domain: "", attributes: {} },
            ...{ inputs: ["table", "input_ids"], outputs: ["inputs_embeds"] },
          },
        ],
        [{ name: "input_ids", type: "int64", shape: [1, "n"] }],
        [{ name: "inputs_embeds", type: stored, shape: [1, "n", width] }],
        [{ name: "table", type: stored, dims, bytes }],
      );
      const ids = [0, 8, 3, 7];
      const blob = new Blob([model]);
      const { found, wanted } = await lookUp(blob, ids, type);
      expect(found).toEqual(wanted);
      // Two rows in each buffer.
      const large = (2.5 * bytes.length) / rows;
      const split = await lookUp(blob, ids, type, large);
      expect(split.found).toEqual(wanted);
    });
  }
}
