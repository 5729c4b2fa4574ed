/** Elementwise functions on four float32 values at a time; NaN stays NaN. */
import { multiplyAdd } from "./simd";

/**
 * eˣ = 2ⁿ eʳ with n = round(x / ln 2) and a polynomial for eʳ, |r| ≤ ln 2 / 2
 * (Cephes expf). x is clamped to the range without
 * denormals and overflow.
 */
export function exp(x: v128): v128 {
  const bounded = f32x4.pmin(
    f32x4.pmax(x, f32x4.splat(-87.33)),
    f32x4.splat(88.37),
  );
  const n = f32x4.nearest(f32x4.mul(bounded, f32x4.splat(1.44269504)));
  let r = multiplyAdd(n, f32x4.splat(-0.693359375), bounded);
  r = multiplyAdd(n, f32x4.splat(2.1219444e-4), r);
  let y = f32x4.splat(1.98756915e-4);
  y = multiplyAdd(y, r, f32x4.splat(1.3981999507e-3));
  y = multiplyAdd(y, r, f32x4.splat(8.3334519073e-3));
  y = multiplyAdd(y, r, f32x4.splat(4.1665795894e-2));
  y = multiplyAdd(y, r, f32x4.splat(1.6666665459e-1));
  y = multiplyAdd(y, r, f32x4.splat(5.0000001201e-1));
  y = multiplyAdd(y, f32x4.mul(r, r), f32x4.add(r, f32x4.splat(1)));
  const power = i32x4.shl(
    i32x4.add(i32x4.trunc_sat_f32x4_s(n), i32x4.splat(127)),
    23,
  );
  return f32x4.mul(y, power);
}

/**
 * erf(x) ≈ x P(x²) / Q(x²) for |x| ≤ 4, where it reaches ±1 in float32 (the
 * minimax approximation of Eigen's generic_fast_erf).
 */
export function erf(x: v128): v128 {
  const t = f32x4.pmin(f32x4.pmax(x, f32x4.splat(-4)), f32x4.splat(4));
  const s = f32x4.mul(t, t);
  let p = f32x4.splat(-2.72614225801306e-10);
  p = multiplyAdd(p, s, f32x4.splat(2.77068142495902e-8));
  p = multiplyAdd(p, s, f32x4.splat(-2.10102402082508e-6));
  p = multiplyAdd(p, s, f32x4.splat(-5.69250639462346e-5));
  p = multiplyAdd(p, s, f32x4.splat(-7.34990630326855e-4));
  p = multiplyAdd(p, s, f32x4.splat(-2.954599804e-3));
  p = multiplyAdd(p, s, f32x4.splat(-1.60960333262415e-2));
  let q = f32x4.splat(-1.45660718464996e-5);
  q = multiplyAdd(q, s, f32x4.splat(-2.13374055278905e-4));
  q = multiplyAdd(q, s, f32x4.splat(-1.68282697438203e-3));
  q = multiplyAdd(q, s, f32x4.splat(-7.37332916720468e-3));
  q = multiplyAdd(q, s, f32x4.splat(-1.42647390514189e-2));
  return f32x4.div(f32x4.mul(t, p), q);
}

/** 1 / (1 + e⁻ˣ) */
export function sigmoid(x: v128): v128 {
  const one = f32x4.splat(1);
  return f32x4.div(one, f32x4.add(one, exp(f32x4.neg(x))));
}

/** Φ(x) · x = (1 + erf(x / √2)) · x / 2 */
export function gelu(x: v128): v128 {
  const half = f32x4.mul(x, f32x4.splat(0.5));
  return multiplyAdd(half, erf(f32x4.mul(x, f32x4.splat(0.70710678))), half);
}

/** σ(√(8/π) (x + 0.044715 x³)) · x */
export function tanhGelu(x: v128): v128 {
  const cubic = multiplyAdd(
    f32x4.mul(x, x),
    f32x4.splat(0.07135481627),
    f32x4.splat(1.59576912161),
  );
  return f32x4.mul(x, sigmoid(f32x4.mul(x, cubic)));
}

/** x σ(x) */
export function silu(x: v128): v128 {
  return f32x4.mul(x, sigmoid(x));
}

export function relu(x: v128): v128 {
  return f32x4.pmax(x, f32x4.splat(0));
}

/** The activation after a layer. Kernels take it as a number. */
export const enum Activation {
  None,
  Gelu,
  TanhGelu,
  Relu,
  Sigmoid,
  Silu,
}

/** x = act(x) for `count` elements, a multiple of 4. */
export function activateInPlace(x: usize, count: i32, activation: i32): void {
  const end = x + ((<usize>count) << 2);
  switch (activation) {
    case Activation.Gelu:
      for (; x < end; x += 16) v128.store(x, gelu(v128.load(x)));
      break;
    case Activation.TanhGelu:
      for (; x < end; x += 16) v128.store(x, tanhGelu(v128.load(x)));
      break;
    case Activation.Relu:
      for (; x < end; x += 16) v128.store(x, relu(v128.load(x)));
      break;
    case Activation.Sigmoid:
      for (; x < end; x += 16) v128.store(x, sigmoid(v128.load(x)));
      break;
    case Activation.Silu:
      for (; x < end; x += 16) v128.store(x, silu(v128.load(x)));
      break;
    default:
  }
}
