import { expect, test } from "vitest";
import {
  CHUNK,
  computed,
  sideBySide,
  stacked,
  type Piece,
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

function piece(bytes: readonly number[]): Piece {
  const blob = new Blob([Uint8Array.of(99, 98, ...bytes, 97)]);
  return { file: "made.onnx", blob, offset: 2, length: bytes.length };
}

const facts = { name: "w", type: "uint8", dims: [1] };

test("pieces are stacked, also of one byte again and again", async () => {
  const pieces = [piece([1, 2, 3]), { fill: 8, length: 2 }, piece([4])];
  const weight = stacked(facts, pieces);
  expect(weight.bytes).toBe(6);
  expect(await bytesOf(weight)).toEqual([1, 2, 3, 8, 8, 4]);
});

test("rows of unlike widths stand side by side", async () => {
  const pieces = [piece([1, 2, 3, 4]), piece([5, 6]), { fill: 7, length: 6 }];
  const weight = sideBySide(facts, pieces, 2);
  expect(await bytesOf(weight)).toEqual([1, 2, 5, 7, 7, 7, 3, 4, 6, 7, 7, 7]);
});

test("a weight can be read again", async () => {
  const weight = stacked(facts, [piece([1, 2])]);
  expect(await bytesOf(weight)).toEqual(await bytesOf(weight));
});

test("all chunks but the last are of one size, wherever pieces end", async () => {
  // Rows of 7 and 5 bytes: neither they nor pieces end where chunks do.
  const rows = Math.floor((CHUNK * 2.5) / 12);
  const numbered = (length: number, seed: number): Piece => {
    const bytes = new Uint8Array(length).map((_, i) => i * 31 + seed);
    return { file: "made.onnx", blob: new Blob([bytes]), offset: 0, length };
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
    stacked: stacked(facts, [a, b]),
    sideBySide: sideBySide(facts, [a, b], rows),
  };
  for (const way of ["stacked", "sideBySide"] as const) {
    const chunks = await chunksOf(weights[way]);
    const sizes = chunks.map((chunk) => chunk.length);
    expect(sizes).toEqual([CHUNK, CHUNK, length - 2 * CHUNK]);
    const all = new Uint8Array(
      await new Blob(chunks as BlobPart[]).arrayBuffer(),
    );
    const wrong: number[] = [];
    // Whatever is out of place shifts all that follows.
    for (let i = 0; i < all.length; i += 101) {
      if (all[i] !== expected[way](i) % 256) wrong.push(i);
    }
    expect(wrong).toEqual([]);
  }
});

test.each([
  ["more", [3, 2], /more than 4/],
  ["more, after all", [4, 0, 1], /more than 4/],
  ["fewer", [3], /fewer than 4/],
  ["none", [], /fewer than 4/],
])("%s bytes than were told are an error", async (_, sizes, message) => {
  const weight = computed(facts, 4, async function* () {
    for (const size of sizes) yield await Promise.resolve(new Uint8Array(size));
  });
  await expect(chunksOf(weight)).rejects.toThrow(message);
});

test("a file that cannot be read any more is an error of its own", async () => {
  const blob = new Blob([Uint8Array.of(1, 2)]);
  const gone = Object.assign(blob, {
    slice: () => {
      throw new DOMException("moved", "NotReadableError");
    },
  });
  const weight = stacked(facts, [
    { file: "made.onnx", blob: gone, offset: 0, length: 2 },
  ]);
  await expect(chunksOf(weight)).rejects.toEqual(
    expect.objectContaining({ code: "model-file-missing" }),
  );
});
