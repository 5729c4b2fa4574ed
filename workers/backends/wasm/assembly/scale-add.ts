import { multiplyAdd } from "./simd";

/** y[i] = a · x[i] + y[i] in f32, for begin ≤ i < end. */
export function scaleAdd(
  x: usize,
  y: usize,
  a: f32,
  begin: u32,
  end: u32,
): void {
  const factor = f32x4.splat(a);
  let at = begin;
  for (; at + 4 <= end; at += 4) {
    const offset = (<usize>at) << 2;
    const sum = multiplyAdd(
      factor,
      v128.load(x + offset),
      v128.load(y + offset),
    );
    v128.store(y + offset, sum);
  }
  for (; at < end; at++) {
    const offset = (<usize>at) << 2;
    store<f32>(y + offset, a * load<f32>(x + offset) + load<f32>(y + offset));
  }
}
