/**
 * Operations that are faster with relaxed SIMD. A module with it is loaded only
 * where the browser supports it; the other module rounds after the product.
 */

/** a · b + c, per lane. */
export function multiplyAdd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, c);
  return f32x4.add(f32x4.mul(a, b), c);
}

/** The sum of the four lanes, always in the same order. */
export function sumLanes(a: v128): f32 {
  const pairs = f32x4.add(
    a,
    i8x16.shuffle(a, a, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7),
  );
  return f32x4.extract_lane(pairs, 0) + f32x4.extract_lane(pairs, 1);
}
