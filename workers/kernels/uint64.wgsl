// Unsigned 64-bit integers (low, high), and masses: fixed-point numbers with 40
// fraction bits. Integer sums do not depend on their order.

const UNIT = vec2u(0, 256); // a mass of 1

fn less(a: vec2u, b: vec2u) -> bool {
  return a.y < b.y || (a.y == b.y && a.x < b.x);
}

fn plus(a: vec2u, b: vec2u) -> vec2u {
  let low = a.x + b.x;
  return vec2u(low, a.y + b.y + u32(low < a.x));
}

fn minus(a: vec2u, b: vec2u) -> vec2u {
  return vec2u(a.x - b.x, a.y - b.y - u32(a.x < b.x));
}

fn product(a: u32, b: u32) -> vec2u {
  let low = (a & 0xffffu) * (b & 0xffffu);
  let middle = (a >> 16) * (b & 0xffffu) + (low >> 16);
  let other = (a & 0xffffu) * (b >> 16) + (middle & 0xffffu);
  let high = (a >> 16) * (b >> 16) + (middle >> 16) + (other >> 16);
  return vec2u((other << 16) | (low & 0xffffu), high);
}

fn times(a: vec2u, n: u32) -> vec2u {
  return product(a.x, n) + vec2u(0, a.y * n);
}

// a * n / 2^32, rounded down.
fn fraction(a: vec2u, n: u32) -> vec2u {
  return plus(product(a.y, n), vec2u(product(a.x, n).y, 0));
}

// The smallest n with n * each >= goal, for 0 < goal < 2^21 * each.
fn times_to_reach(goal: vec2u, each: vec2u) -> u32 {
  var rest = minus(goal, vec2u(1, 0));
  var count = 1u;
  for (var bit = 21u; bit > 0; bit--) {
    let part = times(each, 1u << (bit - 1));
    if (!less(rest, part)) {
      rest = minus(rest, part);
      count += 1u << (bit - 1);
    }
  }
  return count;
}

// The mass of a weight from 0 to 1.
fn mass_of(weight: f32) -> vec2u {
  let scaled = weight * 256;
  let high = floor(scaled);
  return vec2u(u32((scaled - high) * 4294967296.0), u32(high));
}
