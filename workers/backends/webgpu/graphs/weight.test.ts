import { expect, test } from "vitest";
import {
  CHUNK_BYTES,
  generatedWeight,
  interleavedWeight,
  concatenatedWeight,
  type ByteSource,
  type Weight,
} from "./weight";

async function chunksOf(weight: Weight): Promise<Uint8Array[]> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of weight.chunks()) chunks.push(chunk);
  return chunks;
}

async function bytesOf(weight: Weight): Promise<number[]> {
  return (await chunksOf(weight)).flatMap((chunk) => [...chunk]);
}

function piece(bytes: readonly number[]): ByteSource {
  const blob = new Blob([Uint8Array.of(99, 98, ...bytes, 97)]);
  return { file: "test.onnx", blob, offset: 2, length: bytes.length };
}

const info = { name: "w", type: "uint8", dims: [1] };

test("concatenates sources, including repeated bytes", async () => {
  const pieces = [piece([1, 2, 3]), { fill: 8, length: 2 }, piece([4])];
  const weight = concatenatedWeight(info, pieces);
  expect(weight.bytes).toBe(6);
  expect(await bytesOf(weight)).toEqual([1, 2, 3, 8, 8, 4]);
});

test("joins rows of different widths along the columns", async () => {
  const pieces = [piece([1, 2, 3, 4]), piece([5, 6]), { fill: 7, length: 6 }];
  const weight = interleavedWeight(info, pieces, 2);
  expect(await bytesOf(weight)).toEqual([1, 2, 5, 7, 7, 7, 3, 4, 6, 7, 7, 7]);
});

test("a weight can be read twice", async () => {
  const weight = concatenatedWeight(info, [piece([1, 2])]);
  expect(await bytesOf(weight)).toEqual(await bytesOf(weight));
});

test("all chunks but the last have CHUNK_BYTES, wherever sources end", async () => {
  // Rows of 7 and 5 bytes: neither rows nor sources end at chunk boundaries.
  const rows = Math.floor((CHUNK_BYTES * 2.5) / 12);
  const numbered = (length: number, seed: number): ByteSource => {
    const bytes = new Uint8Array(length).map((_, i) => i * 31 + seed);
    return { file: "test.onnx", blob: new Blob([bytes]), offset: 0, length };
  };
  const [a, b] = [numbered(rows * 7, 1), numbered(rows * 5, 2)];
  const length = rows * 12;
  const expected = {
    stacked: (i: number) =>
      i < rows * 7 ? i * 31 + 1 : (i - rows * 7) * 31 + 2,
    sideBySide: (i: number) => {
      const [row, column] = [Math.floor(i / 12), i % 12];
      return column < 7
        ? (row * 7 + column) * 31 + 1
        : (row * 5 + column - 7) * 31 + 2;
    },
  };
  const weights = {
    stacked: concatenatedWeight(info, [a, b]),
    sideBySide: interleavedWeight(info, [a, b], rows),
  };
  for (const way of ["stacked", "sideBySide"] as const) {
    const chunks = await chunksOf(weights[way]);
    const sizes = chunks.map((chunk) => chunk.length);
    expect(sizes).toEqual([CHUNK_BYTES, CHUNK_BYTES, length - 2 * CHUNK_BYTES]);
    const all = new Uint8Array(
      await new Blob(chunks as BlobPart[]).arrayBuffer(),
    );
    const wrong: number[] = [];
    // An error shifts all bytes after it, so a sample is enough.
    for (let i = 0; i < all.length; i += 101) {
      if (all[i] !== expected[way](i) % 256) wrong.push(i);
    }
    expect(wrong).toEqual([]);
  }
});

test.each([
  ["more", [3, 2], /more than 4/],
  ["more, at the end,", [4, 0, 1], /more than 4/],
  ["fewer", [3], /fewer than 4/],
  ["none", [], /fewer than 4/],
])("throws for %s bytes than declared", async (_, sizes, message) => {
  const weight = generatedWeight(info, 4, async function* () {
    for (const size of sizes) yield await Promise.resolve(new Uint8Array(size));
  });
  await expect(chunksOf(weight)).rejects.toThrow(message);
});

test("rejects with model-file-missing when the file became unreadable", async () => {
  const blob = new Blob([Uint8Array.of(1, 2)]);
  const gone = Object.assign(blob, {
    slice: () => {
      throw new DOMException("moved", "NotReadableError");
    },
  });
  const weight = concatenatedWeight(info, [
    { file: "test.onnx", blob: gone, offset: 0, length: 2 },
  ]);
  await expect(chunksOf(weight)).rejects.toEqual(
    expect.objectContaining({ code: "model-file-missing" }),
  );
});
