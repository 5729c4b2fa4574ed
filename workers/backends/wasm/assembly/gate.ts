import { silu } from "./math";

/** y = silu(gate) · up for rows of `width` floats, a multiple of 4; x has the gate of
 * a row and then, unless `alone`, what it multiplies. */
export function gate(
  x: usize,
  y: usize,
  width: u32,
  alone: u32,
  begin: u32,
  end: u32,
): void {
  const bytes = (<usize>width) << 2;
  for (let row = begin; row < end; row++) {
    const to = y + <usize>row * bytes;
    if (alone !== 0) {
      const from = x + <usize>row * bytes;
      for (let i: usize = 0; i < bytes; i += 16) {
        v128.store(to + i, silu(v128.load(from + i)));
      }
      continue;
    }
    const from = x + <usize>row * bytes * 2;
    const up = from + bytes;
    for (let i: usize = 0; i < bytes; i += 16) {
      const open = silu(v128.load(from + i));
      v128.store(to + i, f32x4.mul(open, v128.load(up + i)));
    }
  }
}
