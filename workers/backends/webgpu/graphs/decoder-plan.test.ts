import { openAsBlob, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { withFloat16 } from "../../../testing/graph-builder";
import {
  DecoderBuilder,
  decoderConfig,
} from "../../../testing/decoder-builder";
import { readConfig } from "../../../model-files/config";
import { readOnnx } from "../../../onnx/onnx-reader";
import { planDecoder, type DecoderPlan } from "./decoder-plan";

const shape = { length: 40, rows: 3, capacity: 100 };

function file(path: string): URL {
  return new URL(`../../../testing/${path}`, import.meta.url);
}

function json(path: string): unknown {
  try {
    return JSON.parse(readFileSync(file(path), "utf8"));
  } catch {
    return undefined;
  }
}

async function planOf(folder: string, dtype: string): Promise<DecoderPlan> {
  const place = `${folder}/onnx/decoder_model_merged${dtype}.onnx`;
  const graph = await readOnnx(place, await openAsBlob(file(place)));
  const external = new Map<string, Blob>();
  for (const name of graph.externalFiles) {
    external.set(name, await openAsBlob(file(`${folder}/onnx/${name}`)));
  }
  const config = readConfig((name) => json(`${folder}/${name}`));
  return planDecoder(graph, external, config);
}

async function planVariant(
  decoder: DecoderBuilder,
  largestBuffer?: number,
): Promise<DecoderPlan> {
  const graph = await readOnnx("test.onnx", decoder.file());
  return planDecoder(graph, new Map(), decoderConfig, largestBuffer);
}

async function bytesOf(plan: DecoderPlan, name: string): Promise<Buffer> {
  const weight = plan.weights.find((one) => one.name === name);
  const chunks: Uint8Array[] = [];
  for await (const chunk of weight?.chunks() ?? []) chunks.push(chunk);
  return Buffer.concat(chunks);
}

test.each([
  ["micro", "", { type: "float32", vocabulary: 260, layers: 2, headDim: 16 }],
  ["other", "", { type: "float32", vocabulary: 259, layers: 1, headDim: 32 }],
  ["half", "_fp16", { type: "float16", vocabulary: 260, layers: 2 }],
  ["../../public/models/nano", "_q4", { type: "float32", vocabulary: 448 }],
])("plans the decoder of %s", async (folder, dtype, info) => {
  const plan = await planOf(folder, dtype);
  expect(plan).toMatchObject(info);
  expect(plan.weights.length).toBeGreaterThan(8);
  const written = new Blob([plan.graph(shape)]);
  const { inputs, outputs } = await readOnnx("ours.onnx", written);
  const { type, hidden, vocabulary, layers, kvHeads, headDim } = plan;
  const cache = [1, kvHeads, 100, headDim];
  const last = `${layers - 1}.value`;
  expect(inputs).toEqual(
    expect.arrayContaining([
      { name: "inputs_embeds", type, shape: [1, 40, hidden] },
      { name: "rows", type: "int32", shape: [3] },
      { name: `past_key_values.${last}`, type, shape: cache },
      ...plan.weights.map(({ name, type, dims }) => ({
        ...{ name, type },
        shape: dims,
      })),
    ]),
  );
  expect(inputs).toHaveLength(4 + 2 * layers + plan.weights.length);
  expect(outputs).toEqual(
    expect.arrayContaining([
      { name: "logits", type, shape: [1, 3, vocabulary] },
      { name: `present.${last}`, type, shape: cache },
    ]),
  );
  expect(outputs).toHaveLength(1 + 2 * layers);
});

test("a graph for one position has no rows input", async () => {
  const plan = await planOf("micro", "");
  const written = plan.graph({ ...shape, length: 1, rows: 1 });
  const { inputs } = await readOnnx("ours.onnx", new Blob([written]));
  expect(inputs.map(({ name }) => name)).not.toContain("rows");
});

test("rejects a KV cache longer than the rotary tables", async () => {
  const plan = await planOf("micro", "");
  expect(plan.maxPositions).toBe(512);
  expect(() => plan.graph({ ...shape, capacity: 513 })).toThrow(RangeError);
});

/** The bytes of the query, key and value weights. */
async function parts(decoder: DecoderBuilder, suffix = ""): Promise<Buffer[]> {
  const named = (name: string) =>
    decoder.weights.find((weight) => weight.name === name + suffix);
  const blobs = ["0.q", "0.k", "0.v"].map((name) => named(name)?.data);
  return Promise.all(
    blobs.map(async (blob) =>
      Buffer.from((await blob?.arrayBuffer()) ?? new ArrayBuffer(0)),
    ),
  );
}

test("packs dense weights of queries, keys and values row by row", async () => {
  const decoder = new DecoderBuilder({ bias: "some" });
  const plan = await planVariant(decoder);
  const packed = await bytesOf(plan, "decoder/0.q+0.k+0.v [64,128]");
  const apart = await parts(decoder);
  for (let row = 0; row < 64; row++) {
    const rows = apart.map((part) => {
      const width = part.length / 64;
      return part.subarray(row * width, (row + 1) * width);
    });
    const width = packed.length / 64;
    const ours = packed.subarray(row * width, (row + 1) * width);
    expect(ours.equals(Buffer.concat(rows))).toBe(true);
  }
  const [, k] = await parts(decoder, ".bias");
  const biases = [Buffer.alloc(64 * 4), k ?? [], Buffer.alloc(32 * 4)];
  const bias = await bytesOf(plan, "decoder/256 x 0+0.k.bias+128 x 0 [128]");
  expect(bias.equals(Buffer.concat(biases.map((b) => Buffer.from(b))))).toBe(
    true,
  );
});

test("packs quantized weights, scales and zero points one after another", async () => {
  const decoder = new DecoderBuilder({ products: "quantized", zeros: "some" });
  const plan = await planVariant(decoder);
  const blocks = Buffer.concat(await parts(decoder));
  expect(
    (await bytesOf(plan, "decoder/0.q+0.k+0.v [128,2,16]")).equals(blocks),
  ).toBe(true);
  const scales = Buffer.concat(await parts(decoder, ".scales"));
  const names = "decoder/0.q.scales+0.k.scales+0.v.scales [128,2]";
  expect((await bytesOf(plan, names)).equals(scales)).toBe(true);
  const [, , v] = await parts(decoder, ".zeros");
  const middle = Buffer.alloc(64 + 32, 0x88);
  const zeros = Buffer.concat([middle, Buffer.from(v ?? [])]);
  expect(
    (await bytesOf(plan, "decoder/64 x 136+32 x 136+0.v.zeros [128,1]")).equals(
      zeros,
    ),
  ).toBe(true);
});

/** Columns of a matrix with 96. */
const columns = (all: Buffer, rows: number, from: number, to: number) =>
  Buffer.concat(
    Array.from({ length: rows }, (_, row) => {
      const size = all.length / rows;
      const start = row * size;
      return all.subarray(start + (from / 96) * size, start + (to / 96) * size);
    }),
  );

test.each([
  // Rows of the stored matrix, of 96 columns each, and shapes of its parts.
  ["matmul", 64, ["[64,64]", "[64,32]"]],
  ["gemm", 1, ["[64,64]", "[32,64]"]],
  ["quantized", 1, ["[64,2,16]", "[32,2,16]"]],
] as const)(
  "splits the columns of a large matrix of kind %s",
  async (products, rows, shapes) => {
    const decoder = new DecoderBuilder({ products });
    const largest = products === "quantized" ? 64 * 32 : 64 * 64 * 4;
    const plan = await planVariant(decoder, largest);
    const gates = plan.weights.filter(({ name }) => name.includes("0.gate"));
    for (const { bytes } of gates) expect(bytes).toBeLessThanOrEqual(largest);
    const stored = decoder.weights.find(({ name }) => name === "0.gate");
    const all = Buffer.from(
      (await stored?.data.arrayBuffer()) ?? new ArrayBuffer(0),
    );
    for (const [i, [from, to]] of (
      [
        [0, 64],
        [64, 96],
      ] as const
    ).entries()) {
      const name = `decoder/0.gate ${from}-${to} ${shapes[i]}`;
      const part = await bytesOf(plan, name);
      expect(part.equals(columns(all, rows, from, to)), name).toBe(true);
    }
    const written = new Blob([plan.graph(shape)]);
    const { nodes } = await readOnnx("ours.onnx", written);
    // The gate and the up projection of two layers.
    expect(nodes.filter(({ op }) => op === "Concat")).toHaveLength(4);
  },
);

test("supports float32 norms in a float16 decoder", async () => {
  const plan = await planVariant(withFloat16(new DecoderBuilder({}), /gamma/));
  expect(plan.type).toBe("float16");
  const written = new Blob([plan.graph(shape)]);
  const { nodes } = await readOnnx("ours.onnx", written);
  const casts = nodes.filter(({ op }) => op === "Cast");
  // One for the embeddings, five for norms and four for branches.
  expect(casts.map(({ attributes }) => attributes.get("to")).sort()).toEqual([
    ...Array.from({ length: 5 }, () => 1),
    ...Array.from({ length: 5 }, () => 10),
  ]);
});

/** Sets the accuracy level of the last MatMulNBits. */
function withAccuracy(level: number): DecoderBuilder {
  const decoder = new DecoderBuilder({ products: "quantized" });
  const i = decoder.nodes.findLastIndex(({ op }) => op === "MatMulNBits");
  const node = decoder.nodes[i];
  if (node === undefined) throw new Error("no MatMulNBits");
  const attributes = { ...node.attributes, accuracy_level: level };
  decoder.nodes[i] = { ...node, attributes };
  return decoder;
}

test("float16 with accuracy level 4 is not batch-invariant", async () => {
  const batchInvariant = async (decoder: DecoderBuilder) =>
    (await planVariant(decoder)).batchInvariant;
  const halves = (decoder: DecoderBuilder) => withFloat16(decoder, /nothing/);
  expect(await batchInvariant(halves(withAccuracy(4)))).toBe(false);
  expect(await batchInvariant(halves(withAccuracy(0)))).toBe(true);
  expect(await batchInvariant(halves(new DecoderBuilder({})))).toBe(true);
  expect(await batchInvariant(withAccuracy(4))).toBe(true);
});
