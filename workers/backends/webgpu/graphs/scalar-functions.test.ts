import { expect, test } from "vitest";
import {
  recogniseActivation,
  erf,
  gelu,
  isSquare,
  affineOf,
  relu,
  sqrtEpsilon,
  sigmoid,
  tanhGelu,
} from "./scalar-functions";

test("erf is accurate to 1e-14", () => {
  // Abramowitz and Stegun, table 7.1.
  expect(erf(0)).toBe(0);
  expect(erf(0.5)).toBeCloseTo(0.5204998778130465, 14);
  expect(erf(-1)).toBeCloseTo(-0.8427007929497149, 14);
  expect(erf(2)).toBeCloseTo(0.9953222650189527, 14);
  expect(erf(9)).toBe(1);
});

test("recognises an activation by its values", () => {
  expect(recogniseActivation(gelu)).toBe("Gelu");
  expect(recogniseActivation(tanhGelu)).toBe("TanhGelu");
  expect(recogniseActivation((x) => (x > 0 ? x : 0))).toBe("Relu");
  expect(recogniseActivation((x) => 0.5 + 0.5 * Math.tanh(x / 2))).toBe(
    "Sigmoid",
  );
  expect(recogniseActivation((x) => x / (1 + Math.exp(-x)))).toBe("Silu");
  // √½ rounded to float16.
  const rounded = (x: number) => 0.5 * x * (1 + erf(x * 0.70703125));
  expect(recogniseActivation(rounded)).toBe("Gelu");
});

test("does not recognise similar functions", () => {
  expect(recogniseActivation((x) => x * sigmoid(1.702 * x))).toBeUndefined();
  expect(recogniseActivation((x) => 1.01 * gelu(x))).toBeUndefined();
  expect(recogniseActivation((x) => Math.min(6, relu(x)))).toBeUndefined();
  expect(recogniseActivation((x) => Math.tanh(x))).toBeUndefined();
  expect(recogniseActivation(() => NaN)).toBeUndefined();
});

test("recognises affine functions, square roots and squares", () => {
  expect(affineOf((x) => (x - 3) / 2)).toEqual({ scale: 0.5, shift: -1.5 });
  expect(affineOf((x) => x * x)).toBeUndefined();
  expect(sqrtEpsilon((x) => (x + 1e-6) ** 0.5)).toBeCloseTo(1e-6, 12);
  expect(sqrtEpsilon((x) => x + 1e-6)).toBeUndefined();
  expect(isSquare((x) => x ** 2)).toBe(true);
  expect(isSquare(Math.abs)).toBe(false);
});
