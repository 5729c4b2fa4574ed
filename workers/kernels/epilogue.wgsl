// What follows a sum, with the runtime's own polynomial of the error function
// (Abramowitz and Stegun 7.1.26, off by 1.5e-7 at most):
//   gelu(x) = x / 2 * (1 + erf(x / sqrt(2)))
// Which of it there is, a uniform says: one pipeline serves them all.

const BIAS = 1u;
const GELU = 2u;
const SKIP = 4u;

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
  return x;
}
