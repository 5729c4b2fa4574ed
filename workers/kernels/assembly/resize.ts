/**
 * The two passes of Pillow's resize, as in resize.reference.ts, on RGBA of 8 bits.
 * Alpha is computed like a colour, and has no meaning.
 *
 *     out[i] = clip8((2^21 + Σₖ w[i, k] · in[start[i] + k]) >> 22)
 *
 * A weight has 24 bits, too many for the product of 16-bit integers. It is split
 * into w = 256 · high + low, 0 ≤ low < 256, which changes no bit of the sum:
 *
 *     Σ w · in = 256 · Σ high · in + Σ low · in
 *
 * Each output has a span: i32 start, i32 blocks, and `blocks` blocks of four weights,
 * filled up with zeros, of 16 bytes: the high parts of weights 0 and 1, their low
 * parts, the high parts of weights 2 and 3, their low parts, each an i16. So up to
 * three pixels after the last one are read, and do not count.
 */
const HALF: i32 = 1 << 21;
const SHIFT: i32 = 22;

/** Bytes of a span and of a block of weights. */
const SPAN: usize = 8;
const BLOCK: usize = 16;

/**
 * Resizes rows `begin` to `end` of `source` to `size` pixels each. Strides are in
 * bytes; `weights` has `weightStride` bytes for each output.
 */
export function resizeRows(
  source: usize,
  sourceStride: usize,
  target: usize,
  targetStride: usize,
  spans: usize,
  weights: usize,
  weightStride: usize,
  size: i32,
  begin: i32,
  end: i32,
): void {
  const half = i32x4.splat(HALF);
  const zero = i32x4.splat(0);
  // Four rows share the loads of the weights; after the last, it is repeated.
  const last = end - 1;
  for (let row = begin; row < end; row += 4) {
    const row0 = <usize>row;
    const row1 = <usize>min(row + 1, last);
    const row2 = <usize>min(row + 2, last);
    const row3 = <usize>min(row + 3, last);
    for (let i = 0; i < size; i++) {
      const span = spans + <usize>i * SPAN;
      const first = source + ((<usize>load<i32>(span)) << 2);
      const blocks = load<i32>(span, 4);
      let in0 = first + row0 * sourceStride;
      let in1 = first + row1 * sourceStride;
      let in2 = first + row2 * sourceStride;
      let in3 = first + row3 * sourceStride;
      let at = weights + <usize>i * weightStride;
      let high0 = zero;
      let high1 = zero;
      let high2 = zero;
      let high3 = zero;
      let low0 = half;
      let low1 = half;
      let low2 = half;
      let low3 = half;
      for (let block = 0; block < blocks; block++) {
        const highA = v128.load32_splat(at);
        const lowA = v128.load32_splat(at, 4);
        const highB = v128.load32_splat(at, 8);
        const lowB = v128.load32_splat(at, 12);
        let a = firstPair(v128.load(in0));
        let b = secondPair(v128.load(in0));
        high0 = addProducts(high0, a, highA, b, highB);
        low0 = addProducts(low0, a, lowA, b, lowB);
        a = firstPair(v128.load(in1));
        b = secondPair(v128.load(in1));
        high1 = addProducts(high1, a, highA, b, highB);
        low1 = addProducts(low1, a, lowA, b, lowB);
        a = firstPair(v128.load(in2));
        b = secondPair(v128.load(in2));
        high2 = addProducts(high2, a, highA, b, highB);
        low2 = addProducts(low2, a, lowA, b, lowB);
        a = firstPair(v128.load(in3));
        b = secondPair(v128.load(in3));
        high3 = addProducts(high3, a, highA, b, highB);
        low3 = addProducts(low3, a, lowA, b, lowB);
        in0 += 16;
        in1 += 16;
        in2 += 16;
        in3 += 16;
        at += BLOCK;
      }
      const out = target + ((<usize>i) << 2);
      storePixel(out + row0 * targetStride, shifted(high0, low0));
      storePixel(out + row1 * targetStride, shifted(high1, low1));
      storePixel(out + row2 * targetStride, shifted(high2, low2));
      storePixel(out + row3 * targetStride, shifted(high3, low3));
    }
  }
}

/**
 * Computes rows `begin` to `end` of the result of resizing columns. `bytes` of each
 * row are computed, rounded up to a multiple of 16.
 */
export function resizeColumns(
  source: usize,
  sourceStride: usize,
  target: usize,
  targetStride: usize,
  spans: usize,
  weights: usize,
  weightStride: usize,
  bytes: i32,
  begin: i32,
  end: i32,
): void {
  const half = i32x4.splat(HALF);
  const zero = i32x4.splat(0);
  for (let i = begin; i < end; i++) {
    const span = spans + <usize>i * SPAN;
    const first = source + <usize>load<i32>(span) * sourceStride;
    const pairs = load<i32>(span, 4) << 1;
    const out = target + <usize>i * targetStride;
    for (let x = 0; x < bytes; x += 16) {
      let at = weights + <usize>i * weightStride;
      let from = first + <usize>x;
      let high0 = zero;
      let high1 = zero;
      let high2 = zero;
      let high3 = zero;
      let low0 = half;
      let low1 = half;
      let low2 = half;
      let low3 = half;
      for (let pair = 0; pair < pairs; pair++) {
        const high = v128.load32_splat(at);
        const low = v128.load32_splat(at, 4);
        const a = v128.load(from);
        const b = v128.load(from + sourceStride);
        // prettier-ignore
        const left = i8x16.shuffle(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
        // prettier-ignore
        const right = i8x16.shuffle(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
        const in0 = i16x8.extend_low_i8x16_u(left);
        const in1 = i16x8.extend_high_i8x16_u(left);
        const in2 = i16x8.extend_low_i8x16_u(right);
        const in3 = i16x8.extend_high_i8x16_u(right);
        high0 = i32x4.add(high0, i32x4.dot_i16x8_s(in0, high));
        high1 = i32x4.add(high1, i32x4.dot_i16x8_s(in1, high));
        high2 = i32x4.add(high2, i32x4.dot_i16x8_s(in2, high));
        high3 = i32x4.add(high3, i32x4.dot_i16x8_s(in3, high));
        low0 = i32x4.add(low0, i32x4.dot_i16x8_s(in0, low));
        low1 = i32x4.add(low1, i32x4.dot_i16x8_s(in1, low));
        low2 = i32x4.add(low2, i32x4.dot_i16x8_s(in2, low));
        low3 = i32x4.add(low3, i32x4.dot_i16x8_s(in3, low));
        at += 8;
        from += sourceStride << 1;
      }
      const lows = i16x8.narrow_i32x4_s(
        shifted(high0, low0),
        shifted(high1, low1),
      );
      const highs = i16x8.narrow_i32x4_s(
        shifted(high2, low2),
        shifted(high3, low3),
      );
      v128.store(out + <usize>x, i8x16.narrow_i16x8_u(lows, highs));
    }
  }
}

/** RGBA → planes R, G, B of floats from 0 to 1, each of `plane` bytes. */
export function toPlanes(
  source: usize,
  target: usize,
  plane: usize,
  begin: i32,
  end: i32,
): void {
  const mask = i32x4.splat(255);
  const most = f32x4.splat(255);
  for (let i = begin; i < end; i += 4) {
    const offset = (<usize>i) << 2;
    const rgba = v128.load(source + offset);
    const r = v128.and(rgba, mask);
    const g = v128.and(i32x4.shr_u(rgba, 8), mask);
    const b = v128.and(i32x4.shr_u(rgba, 16), mask);
    const out = target + offset;
    v128.store(out, f32x4.div(f32x4.convert_i32x4_u(r), most));
    v128.store(out + plane, f32x4.div(f32x4.convert_i32x4_u(g), most));
    v128.store(out + 2 * plane, f32x4.div(f32x4.convert_i32x4_u(b), most));
  }
}

/** Pixels 0 and 1 of four as i16, channel by channel. */
function firstPair(pixels: v128): v128 {
  // prettier-ignore
  const order = i8x16(0, -1, 4, -1, 1, -1, 5, -1, 2, -1, 6, -1, 3, -1, 7, -1);
  return i8x16.swizzle(pixels, order);
}

/** Pixels 2 and 3. */
function secondPair(pixels: v128): v128 {
  // prettier-ignore
  const order = i8x16(8, -1, 12, -1, 9, -1, 13, -1, 10, -1, 14, -1, 11, -1, 15, -1);
  return i8x16.swizzle(pixels, order);
}

function addProducts(
  sum: v128,
  a: v128,
  weightsA: v128,
  b: v128,
  weightsB: v128,
): v128 {
  const productA = i32x4.dot_i16x8_s(a, weightsA);
  const productB = i32x4.dot_i16x8_s(b, weightsB);
  return i32x4.add(sum, i32x4.add(productA, productB));
}

function shifted(high: v128, low: v128): v128 {
  return i32x4.shr_s(i32x4.add(i32x4.shl(high, 8), low), SHIFT);
}

function storePixel(address: usize, sums: v128): void {
  const shorts = i16x8.narrow_i32x4_s(sums, sums);
  v128.store32_lane(address, i8x16.narrow_i16x8_u(shorts, shorts), 0);
}
