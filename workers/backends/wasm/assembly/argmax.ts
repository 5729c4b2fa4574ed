/** For the rows `begin` to `end` of x, [rows, stride / 4]: the index of the largest of
 * the first `count` floats, the first of equal ones; NaN is skipped. */
export function argmax(
  x: usize,
  indices: usize,
  count: u32,
  stride: usize,
  begin: u32,
  end: u32,
): void {
  for (let row = begin; row < end; row++) {
    const at = x + <usize>row * stride;
    let most = f32x4.splat(-Infinity);
    let i: u32 = 0;
    for (; i + 4 <= count; i += 4) {
      // The second operand if it is larger, the first if either is NaN.
      most = f32x4.pmax(most, v128.load(at + ((<usize>i) << 2)));
    }
    let largest = max(
      max(f32x4.extract_lane(most, 0), f32x4.extract_lane(most, 1)),
      max(f32x4.extract_lane(most, 2), f32x4.extract_lane(most, 3)),
    );
    for (; i < count; i++) {
      const value = load<f32>(at + ((<usize>i) << 2));
      if (value > largest) largest = value;
    }
    let index: u32 = 0;
    while (index < count && load<f32>(at + ((<usize>index) << 2)) !== largest) {
      index++;
    }
    store<u32>(indices + ((<usize>row) << 2), index === count ? 0 : index);
  }
}
