import { expect, test } from "vitest";
import {
  placesOf,
  reshaped,
  sameView,
  shapeOf,
  sliced,
  transposed,
  wholeView,
} from "./vision-view";
import { UnsupportedGraph } from "./weight";

const places = (view: Parameters<typeof placesOf>[0]) => [...placesOf(view)];

test("a whole tensor is seen in its own order", () => {
  const view = wholeView([2, 1, 3]);
  expect(shapeOf(view)).toEqual([2, 1, 3]);
  expect(places(view)).toEqual([0, 1, 2, 3, 4, 5]);
});

test("transposes and reshapes move no element", () => {
  const turned = transposed(wholeView([2, 3]), [1, 0]);
  expect(places(turned)).toEqual([0, 3, 1, 4, 2, 5]);
  const flat = reshaped(turned, [-1]);
  expect(shapeOf(flat)).toEqual([6]);
  expect(places(flat)).toEqual([0, 3, 1, 4, 2, 5]);
});

test("one layout has one view, however it came about", () => {
  const map = wholeView([1, 8, 4, 6]);
  const tokens = transposed(reshaped(map, [1, 8, 24]), [0, 2, 1]);
  const turned = transposed(map, [0, 2, 3, 1]);
  expect(sameView(reshaped(turned, [1, -1, 8]), tokens)).toBe(true);
  const heads = transposed(reshaped(tokens, [1, 24, 2, 4]), [0, 2, 1, 3]);
  const back = transposed(heads, [0, 2, 1, 3]);
  expect(sameView(reshaped(back, [1, 24, 8]), tokens)).toBe(true);
});

test("a slice of packed heads shows where they are", () => {
  const packed = reshaped(wholeView([1, 5, 12]), [1, 5, 3, 2, 2]);
  const apart = transposed(packed, [2, 0, 3, 1, 4]);
  const second = sliced(apart, 0, 1, 1);
  expect(second.offset).toBe(4);
  expect(shapeOf(second)).toEqual([1, 1, 2, 5, 2]);
});

test("what no view can show is said to be unfit", () => {
  const turned = transposed(wholeView([4, 6]), [1, 0]);
  expect(() => reshaped(turned, [3, 8])).not.toThrow();
  expect(() => reshaped(turned, [4, 6])).toThrow(UnsupportedGraph);
  expect(() => reshaped(turned, [5, 5])).toThrow("24 elements");
  expect(() => sliced(turned, 0, 4, 3)).toThrow("beyond");
  expect(() => sliced(reshaped(turned, [24]), 0, 1, 3)).toThrow("across");
  expect(() => transposed(turned, [0, 0])).toThrow(UnsupportedGraph);
});
