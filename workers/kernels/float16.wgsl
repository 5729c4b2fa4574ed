// Conversion between float16 and float32 bits, without the feature shader-f16. In
// integers only: GPUs differ in subnormals, infinities, NaN and rounding.

// float(half), exact.
fn widen(half: u32) -> u32 {
  let sign = (half & 0x8000u) << 16;
  let size = half & 0x7fffu;
  if (size >= 0x7c00u) {
    return sign | 0x7f800000u | (size << 13);
  }
  if (size >= 0x400u) {
    return sign | ((size << 13) + 0x38000000u);
  }
  if (size == 0) {
    return sign;
  }
  // Multiples of 2^-24.
  let top = firstLeadingBit(size);
  return sign | ((top + 103) << 23) | ((size << (23 - top)) & 0x7fffffu);
}

// half(float), rounded to nearest, ties to even.
fn narrow(float: u32) -> u32 {
  let sign = (float >> 16) & 0x8000u;
  let size = float & 0x7fffffffu;
  if (size > 0x7f800000u) {
    return sign | 0x7e00u;
  }
  // 65520 is the smallest number that rounds to infinity.
  if (size >= 0x477ff000u) {
    return sign | 0x7c00u;
  }
  if (size >= 0x38800000u) {
    return sign | rounded_shift(size - 0x38000000u, 13);
  }
  let exponent = size >> 23;
  if (exponent < 102) {
    return sign;
  }
  return sign | rounded_shift((size & 0x7fffffu) | 0x800000u, 126 - exponent);
}

fn rounded_shift(value: u32, shift: u32) -> u32 {
  let whole = value >> shift;
  let rest = value - (whole << shift);
  let half = 1u << (shift - 1);
  return whole + u32(rest > half || (rest == half && (whole & 1) == 1));
}
