import { expect, test } from "vitest";
import type { TensorRows, Tensor } from "../../ort/tensor";
import { commonPrefix, Sequence, type PositionContent } from "./sequence";

interface Fake {
  readonly dims: readonly number[];
  readonly names: readonly string[];
  dispose(): void;
}

let alive = 0;

function fake(names: readonly string[]): Tensor {
  alive += 1;
  const tensor: Fake = {
    dims: [1, names.length, 4],
    names,
    dispose: () => (alive -= 1),
  };
  return tensor as unknown as Tensor;
}

const embed = (ids: readonly number[]) =>
  Promise.resolve(fake(ids.map((id) => `text ${id}`)));

const namesOf = (rows: readonly TensorRows[]) =>
  rows.flatMap(({ tensor, from, to }) => {
    expect(to).toBeGreaterThan(from);
    return (tensor as unknown as Fake).names.slice(from, to);
  });

const prompt = { texts: [[1, 2], [], [3, 4]], ids: [] };
const images = [
  { key: "a", features: [fake(["a0"]), fake(["a1", "a2"])] },
  { key: "b", features: [fake(["b0", "b1"])] },
];
const all = ["text 1", "text 2", "a0", "a1", "a2", "b0", "b1"].concat([
  "text 3",
  "text 4",
]);

test("gives the embeddings of any range of positions", async () => {
  const sequence = new Sequence(prompt, images);
  expect(sequence.length).toBe(all.length);
  const before = alive;
  for (let from = 0; from < all.length; from++) {
    for (let to = from + 1; to <= all.length; to++) {
      const got = await sequence.withRows(from, to, embed, (rows) =>
        Promise.resolve(namesOf(rows)),
      );
      expect(got).toEqual(all.slice(from, to));
    }
  }
  expect(alive).toBe(before);
});

test("disposes of the text embeddings when the callback fails", async () => {
  const sequence = new Sequence({ texts: [[7]], ids: [7] }, []);
  expect(sequence.contents).toEqual([7]);
  const before = alive;
  sequence.append([8, 9]);
  const failing = sequence.withRows(0, 3, embed, (rows) => {
    expect(namesOf(rows)).toEqual(["text 7", "text 8", "text 9"]);
    return Promise.reject(new Error("no"));
  });
  await expect(failing).rejects.toThrow("no");
  expect(alive).toBe(before);
});

test("compares prompts from their start", () => {
  const of = (key: string, ...texts: number[][]): readonly PositionContent[] =>
    new Sequence({ texts, ids: [] }, [
      { key, features: [fake(["x", "y", "z"])] },
    ]).contents;
  const first = of("p", [1, 2], [3, 4]);
  expect(commonPrefix(first, of("p", [1, 2], [3, 5]))).toBe(6);
  expect(commonPrefix(first, of("q", [1, 2], [3, 4]))).toBe(2);
  expect(commonPrefix(first, of("p", [1, 2], [3, 4, 5]))).toBe(7);
  expect(commonPrefix(first, [])).toBe(0);
});
