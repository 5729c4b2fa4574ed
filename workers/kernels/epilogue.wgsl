// The epilogue of a sum: bias, activation and skip. Flags in a uniform select them,
// so that one pipeline serves all combinations.
//   relu(x) = max(x, 0), sigmoid(x) = 1 / (1 + exp(-x))
//   gelu(x) = x / 2 * (1 + erf(x / sqrt(2)))
// erf is the approximation that ONNX Runtime uses (Abramowitz and Stegun 7.1.26,
// error at most 1.5e-7).

const BIAS = 1u;
const SKIP = 2u;
const RELU = 4u;
const SIGMOID = 8u;
const GELU = 16u;

fn erf_of(x: vec4f) -> vec4f {
  let a = abs(x);
  let t = 1.0 / (1.0 + 0.3275911 * a);
  let p = (((1.0614054 * t - 1.4531521) * t + 1.4214138) * t - 0.28449672) * t + 0.2548296;
  return sign(x) * (1.0 - p * t * exp(-a * a));
}

fn activate(x: vec4f, flags: u32) -> vec4f {
  if ((flags & GELU) != 0) {
    return 0.5 * x * (1.0 + erf_of(x * 0.70710677));
  }
  if ((flags & RELU) != 0) {
    return max(x, vec4f());
  }
  if ((flags & SIGMOID) != 0) {
    return 1.0 / (1.0 + exp(-x));
  }
  return x;
}
