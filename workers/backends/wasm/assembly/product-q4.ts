/**
 * Products by matrices in four bits, as MatMulNBits has them:
 *
 *     y[row, n] = bias[n] + Σ block scale[block, n] · Σ k x[row, k] · (w[k, n] − 8)
 *
 * with blocks of 32 values of k. The inner sum is computed in integers: the
 * activations of a block are rounded to 23 bits at one power of two, which is the
 * precision that f32 has for the largest of them, and cut into digits of the width that
 * the processor multiplies. So a block's sum is exact, whatever the order, and a row has
 * the same result in every tile.
 *
 * Weights: panels of 16 columns, blocks in order; a block has 4 x 4 vectors and the 16
 * scales. Vector [j][g] has the columns 4g to 4g + 3 of the panel, 4 bytes each; byte t
 * holds k = 8j + t in its low bits and k = 8j + 4 + t in its high bits.
 *
 * Activations with relaxed SIMD: three digits of 8 bits, 32 bytes each. Without it: two
 * digits of 8 and 16 bits in 16-bit words, for each j the eight pairs of k
 * (0, 2) (1, 3) (4, 6) (5, 7) of the low digits, then of the high ones. Then −8 times
 * the sum of each digit, and the power of two.
 */
import { multiplyAdd } from "./simd";

const WEIGHT_BYTES: usize = 320;
const SCALES: usize = 256;
const BLOCK_BYTES: usize = 144;
const SUMS: usize = 128;
const POWER: usize = 140;
/** Bits of an activation, without its sign. */
const BITS = 22;

/** Rounds the blocks `begin` to `end` of x, 32 floats each, for `productQ4`. */
export function quantizeBlocks(
  x: usize,
  out: usize,
  begin: u32,
  end: u32,
): void {
  for (let block = begin; block < end; block++) {
    const from = x + ((<usize>block) << 7);
    const to = out + <usize>block * BLOCK_BYTES;
    const exponent = exponentOf(from);
    const factor = f32x4.splat(
      reinterpret<f32>((BITS - 1 + 254 - exponent) << 23),
    );
    store<f32>(to, reinterpret<f32>((exponent + 1 - BITS) << 23), POWER);
    if (ASC_FEATURE_RELAXED_SIMD) threeDigits(from, to, factor);
    else twoDigits(from, to, factor);
  }
}

/** The exponent of the largest of 32 floats, as it is stored. */
function exponentOf(x: usize): u32 {
  let most = f32x4.splat(0);
  for (let i: usize = 0; i < 128; i += 16) {
    most = f32x4.max(most, f32x4.abs(v128.load(x + i)));
  }
  const all = max(
    max(f32x4.extract_lane(most, 0), f32x4.extract_lane(most, 1)),
    max(f32x4.extract_lane(most, 2), f32x4.extract_lane(most, 3)),
  );
  // Smaller values are lost beside any others of a model, and the power exists.
  return max(reinterpret<u32>(all) >> 23, 32);
}

function rounded(x: usize, factor: v128): v128 {
  const scaled = f32x4.mul(v128.load(x), factor);
  return i32x4.trunc_sat_f32x4_s(f32x4.nearest(scaled));
}

function threeDigits(x: usize, to: usize, factor: v128): void {
  let s0 = i32x4.splat(0);
  let s1 = s0;
  let s2 = s0;
  for (let i: usize = 0; i < 32; i += 4) {
    const q = rounded(x + (i << 2), factor);
    const d0 = lowByte(q);
    const q1 = i32x4.shr_s(i32x4.sub(q, d0), 8);
    const d1 = lowByte(q1);
    const d2 = i32x4.shr_s(i32x4.sub(q1, d1), 8);
    s0 = i32x4.add(s0, d0);
    s1 = i32x4.add(s1, d1);
    s2 = i32x4.add(s2, d2);
    v128.store32_lane(to + i, bytesOf(d0), 0);
    v128.store32_lane(to + i, bytesOf(d1), 0, 32);
    v128.store32_lane(to + i, bytesOf(d2), 0, 64);
  }
  store<i32>(to, -8 * sumOf(s0), SUMS);
  store<i32>(to, -8 * sumOf(s1), SUMS + 4);
  store<i32>(to, -8 * sumOf(s2), SUMS + 8);
}

function twoDigits(x: usize, to: usize, factor: v128): void {
  let s0 = i32x4.splat(0);
  let s1 = s0;
  for (let j: usize = 0; j < 4; j++) {
    const pairs = to + (j << 5);
    for (let half: usize = 0; half < 2; half++) {
      const q = rounded(x + (j << 5) + (half << 4), factor);
      const low = v128.and(q, i32x4.splat(255));
      const high = i32x4.shr_s(q, 8);
      s0 = i32x4.add(s0, low);
      s1 = i32x4.add(s1, high);
      v128.store64_lane(pairs + (half << 3), wordsOf(low), 0);
      v128.store64_lane(pairs + (half << 3), wordsOf(high), 0, 16);
    }
  }
  store<i32>(to, -8 * sumOf(s0), SUMS);
  store<i32>(to, -8 * sumOf(s1), SUMS + 4);
}

/** The lowest byte of each lane with its sign. */
function lowByte(q: v128): v128 {
  return i32x4.shr_s(i32x4.shl(q, 24), 24);
}

/** The lowest bytes of the lanes. */
function bytesOf(q: v128): v128 {
  return i8x16.shuffle(
    q,
    q,
    0,
    4,
    8,
    12,
    0,
    4,
    8,
    12,
    0,
    4,
    8,
    12,
    0,
    4,
    8,
    12,
  );
}

/** The lowest 16 bits of the lanes 0, 2, 1 and 3. */
function wordsOf(q: v128): v128 {
  return i8x16.shuffle(
    q,
    q,
    0,
    1,
    8,
    9,
    4,
    5,
    12,
    13,
    0,
    1,
    8,
    9,
    4,
    5,
    12,
    13,
  );
}

function sumOf(v: v128): i32 {
  return (
    i32x4.extract_lane(v, 0) +
    i32x4.extract_lane(v, 1) +
    i32x4.extract_lane(v, 2) +
    i32x4.extract_lane(v, 3)
  );
}

/**
 * The panels `begin` to `end` of y, [rows, stride / 4].
 * @param x of `quantizeBlocks`
 * @param bias of whole panels
 * @param stride bytes of a row of y
 */
export function productQ4(
  x: usize,
  w: usize,
  bias: usize,
  y: usize,
  rows: u32,
  blocks: u32,
  stride: usize,
  begin: u32,
  end: u32,
): void {
  const rowBytes = <usize>blocks * BLOCK_BYTES;
  for (let panel = begin; panel < end; panel++) {
    const weights = w + <usize>panel * blocks * WEIGHT_BYTES;
    const columns = (<usize>panel) << 6;
    let row: u32 = 0;
    if (ASC_FEATURE_RELAXED_SIMD) {
      for (; row + 2 <= rows; row += 2) {
        const from = x + <usize>row * rowBytes;
        const to = y + <usize>row * stride + columns;
        for (let group: usize = 0; group < 64; group += 32) {
          const start = bias + columns + group;
          tile(from, weights + group, start, to + group, blocks, stride);
        }
      }
    }
    for (; row < rows; row++) {
      const from = x + <usize>row * rowBytes;
      const to = y + <usize>row * stride + columns;
      const start = bias + columns;
      if (ASC_FEATURE_RELAXED_SIMD) oneRow(from, weights, start, to, blocks);
      else oneRowPlain(from, weights, start, to, blocks);
    }
  }
}

function dot(x: v128, w: v128, sum: v128): v128 {
  return i32x4.relaxed_dot_i8x16_i7x16_add_s(x, w, sum);
}

/** Adds a block's sum, of three digits, at its scales. */
function addBlock(y: v128, scale: v128, d0: v128, d1: v128, d2: v128): v128 {
  const high = i32x4.add(i32x4.shl(d2, 8), d1);
  const sum = i32x4.add(i32x4.shl(high, 8), d0);
  return multiplyAdd(f32x4.convert_i32x4_s(sum), scale, y);
}

function lowNibbles(w: usize, offset: usize): v128 {
  return v128.and(v128.load(w + offset), i8x16.splat(15));
}

function highNibbles(w: usize, offset: usize): v128 {
  return v128.and(i16x8.shr_u(v128.load(w + offset), 4), i8x16.splat(15));
}

/** 1 x 16 results. */
function oneRow(x: usize, w: usize, bias: usize, y: usize, blocks: u32): void {
  let ya = v128.load(bias);
  let yb = v128.load(bias, 16);
  let yc = v128.load(bias, 32);
  let yd = v128.load(bias, 48);
  for (let block: u32 = 0; block < blocks; block++) {
    let a0 = v128.load32_splat(x, SUMS);
    let a1 = v128.load32_splat(x, SUMS + 4);
    let a2 = v128.load32_splat(x, SUMS + 8);
    let b0 = a0;
    let b1 = a1;
    let b2 = a2;
    let c0 = a0;
    let c1 = a1;
    let c2 = a2;
    let d0 = a0;
    let d1 = a1;
    let d2 = a2;
    for (let j: usize = 0; j < 4; j++) {
      const from = x + (j << 3);
      const at = w + (j << 6);
      let x0 = v128.load32_splat(from);
      let x1 = v128.load32_splat(from, 32);
      let x2 = v128.load32_splat(from, 64);
      let v = lowNibbles(at, 0);
      a0 = dot(x0, v, a0);
      a1 = dot(x1, v, a1);
      a2 = dot(x2, v, a2);
      v = lowNibbles(at, 16);
      b0 = dot(x0, v, b0);
      b1 = dot(x1, v, b1);
      b2 = dot(x2, v, b2);
      v = lowNibbles(at, 32);
      c0 = dot(x0, v, c0);
      c1 = dot(x1, v, c1);
      c2 = dot(x2, v, c2);
      v = lowNibbles(at, 48);
      d0 = dot(x0, v, d0);
      d1 = dot(x1, v, d1);
      d2 = dot(x2, v, d2);
      x0 = v128.load32_splat(from, 4);
      x1 = v128.load32_splat(from, 36);
      x2 = v128.load32_splat(from, 68);
      v = highNibbles(at, 0);
      a0 = dot(x0, v, a0);
      a1 = dot(x1, v, a1);
      a2 = dot(x2, v, a2);
      v = highNibbles(at, 16);
      b0 = dot(x0, v, b0);
      b1 = dot(x1, v, b1);
      b2 = dot(x2, v, b2);
      v = highNibbles(at, 32);
      c0 = dot(x0, v, c0);
      c1 = dot(x1, v, c1);
      c2 = dot(x2, v, c2);
      v = highNibbles(at, 48);
      d0 = dot(x0, v, d0);
      d1 = dot(x1, v, d1);
      d2 = dot(x2, v, d2);
    }
    const power = v128.load32_splat(x, POWER);
    const scales = w + SCALES;
    ya = addBlock(ya, f32x4.mul(v128.load(scales), power), a0, a1, a2);
    yb = addBlock(yb, f32x4.mul(v128.load(scales, 16), power), b0, b1, b2);
    yc = addBlock(yc, f32x4.mul(v128.load(scales, 32), power), c0, c1, c2);
    yd = addBlock(yd, f32x4.mul(v128.load(scales, 48), power), d0, d1, d2);
    x += BLOCK_BYTES;
    w += WEIGHT_BYTES;
  }
  v128.store(y, ya);
  v128.store(y, yb, 16);
  v128.store(y, yc, 32);
  v128.store(y, yd, 48);
}

/** 2 x 8 results; w begins at the first group of four columns. */
function tile(
  x: usize,
  w: usize,
  bias: usize,
  y: usize,
  blocks: u32,
  stride: usize,
): void {
  let ya = v128.load(bias);
  let yb = v128.load(bias, 16);
  let za = ya;
  let zb = yb;
  let other = x + <usize>blocks * BLOCK_BYTES;
  for (let block: u32 = 0; block < blocks; block++) {
    let a0 = v128.load32_splat(x, SUMS);
    let a1 = v128.load32_splat(x, SUMS + 4);
    let a2 = v128.load32_splat(x, SUMS + 8);
    let b0 = a0;
    let b1 = a1;
    let b2 = a2;
    let c0 = v128.load32_splat(other, SUMS);
    let c1 = v128.load32_splat(other, SUMS + 4);
    let c2 = v128.load32_splat(other, SUMS + 8);
    let d0 = c0;
    let d1 = c1;
    let d2 = c2;
    for (let j: usize = 0; j < 4; j++) {
      const up = x + (j << 3);
      const down = other + (j << 3);
      const at = w + (j << 6);
      let v = lowNibbles(at, 0);
      let u = lowNibbles(at, 16);
      let digits = v128.load32_splat(up);
      a0 = dot(digits, v, a0);
      b0 = dot(digits, u, b0);
      digits = v128.load32_splat(up, 32);
      a1 = dot(digits, v, a1);
      b1 = dot(digits, u, b1);
      digits = v128.load32_splat(up, 64);
      a2 = dot(digits, v, a2);
      b2 = dot(digits, u, b2);
      digits = v128.load32_splat(down);
      c0 = dot(digits, v, c0);
      d0 = dot(digits, u, d0);
      digits = v128.load32_splat(down, 32);
      c1 = dot(digits, v, c1);
      d1 = dot(digits, u, d1);
      digits = v128.load32_splat(down, 64);
      c2 = dot(digits, v, c2);
      d2 = dot(digits, u, d2);
      v = highNibbles(at, 0);
      u = highNibbles(at, 16);
      digits = v128.load32_splat(up, 4);
      a0 = dot(digits, v, a0);
      b0 = dot(digits, u, b0);
      digits = v128.load32_splat(up, 36);
      a1 = dot(digits, v, a1);
      b1 = dot(digits, u, b1);
      digits = v128.load32_splat(up, 68);
      a2 = dot(digits, v, a2);
      b2 = dot(digits, u, b2);
      digits = v128.load32_splat(down, 4);
      c0 = dot(digits, v, c0);
      d0 = dot(digits, u, d0);
      digits = v128.load32_splat(down, 36);
      c1 = dot(digits, v, c1);
      d1 = dot(digits, u, d1);
      digits = v128.load32_splat(down, 68);
      c2 = dot(digits, v, c2);
      d2 = dot(digits, u, d2);
    }
    const first = v128.load(w, SCALES);
    const second = v128.load(w, SCALES + 16);
    let power = v128.load32_splat(x, POWER);
    ya = addBlock(ya, f32x4.mul(first, power), a0, a1, a2);
    yb = addBlock(yb, f32x4.mul(second, power), b0, b1, b2);
    power = v128.load32_splat(other, POWER);
    za = addBlock(za, f32x4.mul(first, power), c0, c1, c2);
    zb = addBlock(zb, f32x4.mul(second, power), d0, d1, d2);
    x += BLOCK_BYTES;
    other += BLOCK_BYTES;
    w += WEIGHT_BYTES;
  }
  v128.store(y, ya);
  v128.store(y, yb, 16);
  v128.store(y + stride, za);
  v128.store(y + stride, zb, 16);
}

function dotWords(x: v128, w: v128, sum: v128): v128 {
  return i32x4.add(i32x4.dot_i16x8_s(x, w), sum);
}

/** Adds a block's sum, of two digits, at its scales. */
function addWords(y: v128, scale: v128, d0: v128, d1: v128): v128 {
  const sum = i32x4.add(i32x4.shl(d1, 8), d0);
  return multiplyAdd(f32x4.convert_i32x4_s(sum), scale, y);
}

/** The same as `oneRow` without relaxed SIMD, four columns at a time. */
function oneRowPlain(
  x: usize,
  w: usize,
  bias: usize,
  y: usize,
  blocks: u32,
): void {
  for (let group: usize = 0; group < 64; group += 16) {
    let sum = v128.load(bias + group);
    let from = x;
    let at = w + group;
    for (let block: u32 = 0; block < blocks; block++) {
      let low = v128.load32_splat(from, SUMS);
      let high = v128.load32_splat(from, SUMS + 4);
      for (let j: usize = 0; j < 4; j++) {
        const pairs = from + (j << 5);
        const all = v128.load(at + (j << 6));
        let v = v128.and(all, i16x8.splat(15));
        low = dotWords(v128.load32_splat(pairs), v, low);
        high = dotWords(v128.load32_splat(pairs, 16), v, high);
        v = v128.and(i16x8.shr_u(all, 8), i16x8.splat(15));
        low = dotWords(v128.load32_splat(pairs, 4), v, low);
        high = dotWords(v128.load32_splat(pairs, 20), v, high);
        v = v128.and(i16x8.shr_u(all, 4), i16x8.splat(15));
        low = dotWords(v128.load32_splat(pairs, 8), v, low);
        high = dotWords(v128.load32_splat(pairs, 24), v, high);
        v = i16x8.shr_u(all, 12);
        low = dotWords(v128.load32_splat(pairs, 12), v, low);
        high = dotWords(v128.load32_splat(pairs, 28), v, high);
      }
      const power = v128.load32_splat(from, POWER);
      const scales = v128.load(at, SCALES);
      sum = addWords(sum, f32x4.mul(scales, power), low, high);
      from += BLOCK_BYTES;
      at += WEIGHT_BYTES;
    }
    v128.store(y + group, sum);
  }
}

/** Adds what zero points other than 8 add to the panels `begin` to `end`: for each block
 * zeros[panel, block, 16] times −8 times the sum of its activations. */
export function addZeroPoints(
  x: usize,
  zeros: usize,
  y: usize,
  rows: u32,
  blocks: u32,
  stride: usize,
  begin: u32,
  end: u32,
): void {
  for (let panel = begin; panel < end; panel++) {
    for (let row: u32 = 0; row < rows; row++) {
      const to = y + <usize>row * stride + ((<usize>panel) << 6);
      let from = x + <usize>row * blocks * BLOCK_BYTES;
      let at = zeros + ((<usize>panel * blocks) << 6);
      let a = v128.load(to);
      let b = v128.load(to, 16);
      let c = v128.load(to, 32);
      let d = v128.load(to, 48);
      for (let block: u32 = 0; block < blocks; block++) {
        let sum = load<i32>(from, SUMS) + (load<i32>(from, SUMS + 4) << 8);
        if (ASC_FEATURE_RELAXED_SIMD) sum += load<i32>(from, SUMS + 8) << 16;
        const all = f32x4.splat(<f32>sum * load<f32>(from, POWER));
        a = multiplyAdd(v128.load(at), all, a);
        b = multiplyAdd(v128.load(at, 16), all, b);
        c = multiplyAdd(v128.load(at, 32), all, c);
        d = multiplyAdd(v128.load(at, 48), all, d);
        from += BLOCK_BYTES;
        at += 64;
      }
      v128.store(to, a);
      v128.store(to, b, 16);
      v128.store(to, c, 32);
      v128.store(to, d, 48);
    }
  }
}
