/**
 * The residual stream x and its norm:
 *
 *     x = x + branch
 *     y = x / sqrt(mean(x²) + epsilon) · gamma
 *
 * for rows of `width` floats, a multiple of 4. A branch at 0 adds nothing.
 */
import { multiplyAdd, sumLanes } from "./simd";

export function addRmsNorm(
  x: usize,
  branch: usize,
  gamma: usize,
  y: usize,
  width: u32,
  epsilon: f32,
  begin: u32,
  end: u32,
): void {
  const bytes = (<usize>width) << 2;
  for (let row = begin; row < end; row++) {
    const offset = <usize>row * bytes;
    const at = x + offset;
    let squares = f32x4.splat(0);
    if (branch !== 0) {
      for (let i: usize = 0; i < bytes; i += 16) {
        const sum = f32x4.add(
          v128.load(at + i),
          v128.load(branch + offset + i),
        );
        v128.store(at + i, sum);
        squares = multiplyAdd(sum, sum, squares);
      }
    } else {
      for (let i: usize = 0; i < bytes; i += 16) {
        const value = v128.load(at + i);
        squares = multiplyAdd(value, value, squares);
      }
    }
    const mean = sumLanes(squares) / <f32>width;
    const scale = f32x4.splat(<f32>1 / sqrt<f32>(mean + epsilon));
    for (let i: usize = 0; i < bytes; i += 16) {
      const scaled = f32x4.mul(v128.load(at + i), scale);
      v128.store(y + offset + i, f32x4.mul(scaled, v128.load(gamma + i)));
    }
  }
}
