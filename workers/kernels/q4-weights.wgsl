// Weights of 4 bits in blocks that share a scale and a zero point:
//   w[k][n] = (q[n][k] - zero[n][k / block]) * scale[n][k / block]
// A u32 holds eight q of consecutive k, the first in the lowest bits.
//
// The integers are masked out of a word and not shifted: the factors of their lanes
// contain the shift. Powers of two do not change the rounding.

const LANES = vec4f(1, 1.0 / 16, 1.0 / 256, 1.0 / 4096);

// Four weights of consecutive k. `factors`: scale * LANES; `offset`: -scale * zero.
fn dequantize(word: u32, factors: vec4f, offset: f32) -> vec4f {
  let masked = vec4i(vec4u(word) & vec4u(0xf, 0xf0, 0xf00, 0xf000));
  return vec4f(masked) * factors + offset;
}
