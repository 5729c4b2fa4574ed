import { expect, test } from "vitest";
import type { KvCache } from "./kv-cache";
import type { OrtLanguage } from "./language";
import type { Memory, Rows, Tensor } from "../../ort/tensor";
import { prefill } from "./prefill";

/** Rows that name themselves. */
interface Fake {
  readonly dims: readonly number[];
  readonly rows: readonly string[];
  disposed: boolean;
}

function fake(rows: readonly string[]): Tensor {
  const tensor: Fake & { dispose(): void } = {
    dims: [1, rows.length, 8],
    rows,
    disposed: false,
    dispose() {
      this.disposed = true;
    },
  };
  return tensor as unknown as Tensor;
}

const rowsOf = (tensor: Tensor) => (tensor as unknown as Fake).rows;

function stages(forward: (embeds: Tensor) => Promise<Float32Array>) {
  const made: Tensor[] = [];
  const make = (rows: readonly string[]): Tensor => {
    const tensor = fake(rows);
    made.push(tensor);
    return tensor;
  };
  const language = {
    embed: (ids: readonly number[]) =>
      Promise.resolve(make(ids.map((id) => `text ${id}`))),
    forward,
  } as unknown as OrtLanguage;
  const memory = {
    concatRows: (parts: readonly Rows[], width: number) => {
      expect(width).toBe(8);
      return make(
        parts.flatMap(({ tensor, from, to }) => {
          expect(to).toBeGreaterThan(from);
          return rowsOf(tensor).slice(from, to);
        }),
      );
    },
  } as unknown as Memory;
  const allDisposed = () =>
    made.every((tensor) => (tensor as unknown as Fake).disposed);
  return { language, memory, allDisposed };
}

const cache = {} as KvCache;
const prompt = { texts: [[1, 2], [], [3]], ids: [] };
const pictures = [
  [fake(["a overview"]), fake(["a tile", "a tile"])],
  [fake(["b"])],
];

test("every view of every picture stands in its place", async () => {
  const seen: string[] = [];
  const { language, memory, allDisposed } = stages((embeds) => {
    seen.push(...rowsOf(embeds));
    return Promise.resolve(Float32Array.of(7));
  });
  const logits = await prefill(language, memory, prompt, pictures, cache);
  expect([...logits]).toEqual([7]);
  expect(seen).toEqual([
    ...["text 1", "text 2"],
    ...["a overview", "a tile", "a tile"],
    "b",
    "text 3",
  ]);
  expect(allDisposed()).toBe(true);
});

test("a conversation without pictures is text alone", async () => {
  const { language, memory } = stages((embeds) => {
    expect(rowsOf(embeds)).toEqual(["text 5"]);
    return Promise.resolve(Float32Array.of(1));
  });
  const text = { texts: [[5]], ids: [5] };
  await prefill(language, memory, text, [], cache);
});

test("a decoder that fails leaves nothing behind", async () => {
  const { language, memory, allDisposed } = stages(() =>
    Promise.reject(new Error("no")),
  );
  await expect(
    prefill(language, memory, prompt, pictures, cache),
  ).rejects.toThrow("no");
  expect(allDisposed()).toBe(true);
});
