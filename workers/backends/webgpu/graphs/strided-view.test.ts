import { expect, test } from "vitest";
import {
  offsetsOf,
  reshaped,
  sameView,
  shapeOf,
  sliced,
  transposed,
  contiguousView,
} from "./strided-view";
import { UnsupportedGraph } from "../../backend";

const offsets = (view: Parameters<typeof offsetsOf>[0]) => [...offsetsOf(view)];

test("a contiguous view lists the elements in row-major order", () => {
  const view = contiguousView([2, 1, 3]);
  expect(shapeOf(view)).toEqual([2, 1, 3]);
  expect(offsets(view)).toEqual([0, 1, 2, 3, 4, 5]);
});

test("transposes and reshapes move no element", () => {
  const turned = transposed(contiguousView([2, 3]), [1, 0]);
  expect(offsets(turned)).toEqual([0, 3, 1, 4, 2, 5]);
  const flat = reshaped(turned, [-1]);
  expect(shapeOf(flat)).toEqual([6]);
  expect(offsets(flat)).toEqual([0, 3, 1, 4, 2, 5]);
});

test("equal layouts have equal views, whatever operators lead to them", () => {
  const map = contiguousView([1, 8, 4, 6]);
  const tokens = transposed(reshaped(map, [1, 8, 24]), [0, 2, 1]);
  const turned = transposed(map, [0, 2, 3, 1]);
  expect(sameView(reshaped(turned, [1, -1, 8]), tokens)).toBe(true);
  const heads = transposed(reshaped(tokens, [1, 24, 2, 4]), [0, 2, 1, 3]);
  const back = transposed(heads, [0, 2, 1, 3]);
  expect(sameView(reshaped(back, [1, 24, 8]), tokens)).toBe(true);
});

test("a slice of packed heads has their offset", () => {
  const packed = reshaped(contiguousView([1, 5, 12]), [1, 5, 3, 2, 2]);
  const apart = transposed(packed, [2, 0, 3, 1, 4]);
  const second = sliced(apart, 0, 1, 1);
  expect(second.offset).toBe(4);
  expect(shapeOf(second)).toEqual([1, 1, 2, 5, 2]);
});

test("throws UnsupportedGraph when a view would need a copy", () => {
  const turned = transposed(contiguousView([4, 6]), [1, 0]);
  expect(() => reshaped(turned, [3, 8])).not.toThrow();
  expect(() => reshaped(turned, [4, 6])).toThrow(UnsupportedGraph);
  expect(() => reshaped(turned, [5, 5])).toThrow("24 elements");
  expect(() => sliced(turned, 0, 4, 3)).toThrow("outside of dimension 0");
  expect(() => sliced(reshaped(turned, [24]), 0, 1, 3)).toThrow(
    "cannot be sliced without a copy",
  );
  expect(() => transposed(turned, [0, 0])).toThrow(UnsupportedGraph);
});
