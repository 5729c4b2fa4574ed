/**
 * Products of dynamically quantized activations and weights in 8 bits, as
 * MatMulInteger has them:
 *
 *     y[row, n] = bias[n] + s[row] · t[n] · Σ k (a[row, k] − p[row]) · (w[k, n] − q[n])
 *
 * The sum is an exact 32-bit integer:
 *
 *     Σ a·w − p · (Σ w − inner · q) − q · Σ a
 *
 * Activations: for each row 16 bytes, the float s, the integers p and Σ a, and nothing;
 * then the values and zeros up to a multiple of 16, in one of the forms of
 * `Activations`.
 *
 * Weights: panels of 16 columns. A panel has inner / 4 groups, rounded up, of 64 bytes:
 * for each column its four values of k, signed, and 0 where there are fewer; then for
 * the 16 columns the integers Σ w, the floats t and the integers q.
 */

/** How activations are stored. */
const enum Activations {
  /** Bytes without a sign: the relaxed dot product takes all 8 bits. */
  Unsigned,
  /** Bytes with a sign, less 128: it takes 8 bits with their sign. */
  Signed,
  /** Words of 16 bits, for the other processors. */
  Words,
}

const HEADER: usize = 16;
const POINT: usize = 4;
const SUM: usize = 8;
/** From the end of a panel's values. */
const SCALES: usize = 64;
const ZEROS: usize = 128;
const RECORD: usize = 192;

/**
 * Writes to `out` which form of activations is the fastest that this processor
 * multiplies exactly: relaxed SIMD leaves the highest bit of a byte to it.
 */
export function probeDot(out: usize, begin: u32, end: u32): void {
  if (begin >= end) return;
  let form = Activations.Words;
  if (ASC_FEATURE_RELAXED_SIMD) {
    const w = i8x16.splat(<i8>-128);
    const all = i8x16.splat(-1);
    const top = i8x16.splat(<i8>-128);
    const none = i32x4.splat(0);
    const a = i32x4.relaxed_dot_i8x16_i7x16_add_s(w, all, none);
    const b = i32x4.relaxed_dot_i8x16_i7x16_add_s(w, top, none);
    if (isAll(a, 4 * -128 * 255) && isAll(b, 4 * -128 * 128)) {
      form = Activations.Unsigned;
    } else if (isAll(a, 4 * 128) && isAll(b, 4 * 128 * 128)) {
      form = Activations.Signed;
    }
  }
  store<i32>(out, form);
}

function isAll(v: v128, value: i32): bool {
  return i32x4.all_true(i32x4.eq(v, i32x4.splat(value)));
}

/** The least and the greatest value of the rows `begin` to `end` of x, and of 0. */
export function rowRanges(
  x: usize,
  ranges: usize,
  inner: u32,
  begin: u32,
  end: u32,
): void {
  for (let row = begin; row < end; row++) {
    const from = x + ((<usize>row * inner) << 2);
    let low: f32 = 0;
    let high: f32 = 0;
    let least = f32x4.splat(0);
    let most = least;
    let k: u32 = 0;
    for (; k + 4 <= inner; k += 4) {
      const v = v128.load(from + ((<usize>k) << 2));
      least = f32x4.pmin(least, v);
      most = f32x4.pmax(most, v);
    }
    for (; k < inner; k++) {
      const value = load<f32>(from + ((<usize>k) << 2));
      low = min(low, value);
      high = max(high, value);
    }
    for (let i = 0; i < 4; i++) {
      low = min(low, lane(least, i));
      high = max(high, lane(most, i));
    }
    store<f32>(ranges + ((<usize>row) << 3), low);
    store<f32>(ranges + ((<usize>row) << 3), high, 4);
  }
}

function lane(v: v128, index: i32): f32 {
  switch (index) {
    case 0:
      return f32x4.extract_lane(v, 0);
    case 1:
      return f32x4.extract_lane(v, 1);
    case 2:
      return f32x4.extract_lane(v, 2);
    default:
      return f32x4.extract_lane(v, 3);
  }
}

/**
 * Quantizes the rows `begin` to `end` of x as DynamicQuantizeLinear does: to 0 … 255 in
 * the range of all rows.
 * @param ranges of `rowRanges`, for all rows
 */
export function quantizeRows(
  x: usize,
  ranges: usize,
  out: usize,
  rows: u32,
  inner: u32,
  form: u32,
  begin: u32,
  end: u32,
): void {
  const words = form == Activations.Words;
  const offset: i32 = form == Activations.Signed ? 128 : 0;
  const values = (<usize>inner + 15) & ~15;
  const rowBytes = HEADER + (words ? values << 1 : values);
  let low: f32 = 0;
  let high: f32 = 0;
  for (let row: u32 = 0; row < rows; row++) {
    low = min(low, load<f32>(ranges + ((<usize>row) << 3)));
    high = max(high, load<f32>(ranges + ((<usize>row) << 3), 4));
  }
  const scale: f32 = high == low ? 1 : (high - low) / 255;
  const point = nearest(min(max(-low / scale, 0), 255));
  for (let row = begin; row < end; row++) {
    const from = x + ((<usize>row * inner) << 2);
    const to = out + <usize>row * rowBytes;
    const scales = f32x4.splat(scale);
    const least = f32x4.splat(-point);
    const most = f32x4.splat(255 - point);
    const shift = i32x4.splat(<i32>point - offset);
    let sums = i32x4.splat(0);
    let sum: i32 = 0;
    let k: usize = 0;
    for (; k + 4 <= inner; k += 4) {
      const quotient = f32x4.div(v128.load(from + (k << 2)), scales);
      const bounded = f32x4.min(f32x4.max(quotient, least), most);
      const rounded = i32x4.trunc_sat_f32x4_s(f32x4.nearest(bounded));
      const q = i32x4.add(rounded, shift);
      sums = i32x4.add(sums, q);
      if (words) v128.store64_lane(to + (k << 1), wordsOf(q), 0, HEADER);
      else v128.store32_lane(to + k, bytesOf(q), 0, HEADER);
    }
    for (; k < inner; k++) {
      const quotient = load<f32>(from + (k << 2)) / scale;
      const bounded = min(max(quotient, -point), 255 - point);
      const q = <i32>nearest(bounded) + <i32>point - offset;
      sum += q;
      if (words) store<i16>(to + (k << 1), <i16>q, HEADER);
      else store<i8>(to + k, <i8>q, HEADER);
    }
    for (; k < values; k++) {
      if (words) store<i16>(to + (k << 1), 0, HEADER);
      else store<i8>(to + k, 0, HEADER);
    }
    store<f32>(to, scale);
    store<i32>(to, <i32>point - offset, POINT);
    store<i32>(
      to,
      sum +
        i32x4.extract_lane(sums, 0) +
        i32x4.extract_lane(sums, 1) +
        i32x4.extract_lane(sums, 2) +
        i32x4.extract_lane(sums, 3),
      SUM,
    );
  }
}

// prettier-ignore
function bytesOf(q: v128): v128 {
  return i8x16.shuffle(q, q, 0, 4, 8, 12, 0, 4, 8, 12, 0, 4, 8, 12, 0, 4, 8, 12);
}

// prettier-ignore
function wordsOf(q: v128): v128 {
  return i8x16.shuffle(q, q, 0, 1, 4, 5, 8, 9, 12, 13, 0, 1, 4, 5, 8, 9, 12, 13);
}

/**
 * Stores the rows `firstK` to `firstK` + `count` of a weight [inner, outer] in the
 * panels `begin` to `end`, and adds them to Σ w. `firstK` is a multiple of 4, and so is
 * `count`, except for the last rows.
 * @param source the rows, [count, outer] bytes
 * @param flip 128 if the bytes have no sign, then q is less by 128, too; else 0
 */
export function packInt8(
  source: usize,
  w: usize,
  inner: u32,
  outer: u32,
  firstK: u32,
  count: u32,
  flip: i32,
  begin: u32,
  end: u32,
): void {
  const groups = (<usize>inner + 3) >> 2;
  const panelBytes = (groups << 6) + RECORD;
  const flips = i8x16.splat(<i8>flip);
  for (let panel = begin; panel < end; panel++) {
    const column = panel << 4;
    const width = min(16, outer - column);
    const base = w + <usize>panel * panelBytes;
    const sums = base + (groups << 6);
    if (firstK == 0) memory.fill(sums, 0, 64);
    for (let k: u32 = 0; k < count; k += 4) {
      const to = base + ((<usize>(firstK + k)) << 4);
      const from = source + <usize>k * outer + column;
      const left = count - k;
      const r0 = bytesAt(from, width, flips, true);
      const r1 = bytesAt(from + outer, width, flips, left > 1);
      const r2 = bytesAt(from + outer * 2, width, flips, left > 2);
      const r3 = bytesAt(from + outer * 3, width, flips, left > 3);
      const a = zipLow(r0, r1);
      const b = zipHigh(r0, r1);
      const c = zipLow(r2, r3);
      const d = zipHigh(r2, r3);
      storeGroup(to, sums, pairsLow(a, c));
      storeGroup(to + 16, sums + 16, pairsHigh(a, c));
      storeGroup(to + 32, sums + 32, pairsLow(b, d));
      storeGroup(to + 48, sums + 48, pairsHigh(b, d));
    }
  }
}

/** 16 values of a row, 0 beyond its `width` columns. */
function bytesAt(from: usize, width: u32, flips: v128, exists: bool): v128 {
  let v = i8x16.splat(0);
  if (!exists) return v;
  if (width == 16) return v128.xor(v128.load(from), flips);
  for (let i: i32 = <i32>width - 1; i >= 0; i--) {
    const value = load<i8>(from + i) ^ i8x16.extract_lane_s(flips, 0);
    // The values before move up by one.
    // prettier-ignore
    v = i8x16.replace_lane(
      i8x16.shuffle(v, v, 15, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14),
      0,
      value,
    );
  }
  return v;
}

// prettier-ignore
function zipLow(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}

// prettier-ignore
function zipHigh(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}

// prettier-ignore
function pairsLow(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 0, 1, 16, 17, 2, 3, 18, 19, 4, 5, 20, 21, 6, 7, 22, 23);
}

// prettier-ignore
function pairsHigh(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 8, 9, 24, 25, 10, 11, 26, 27, 12, 13, 28, 29, 14, 15, 30, 31);
}

/** Stores 4 columns x 4 values and adds them to the columns' sums. */
function storeGroup(to: usize, sums: usize, v: v128): void {
  v128.store(to, v);
  const sum = i32x4.extadd_pairwise_i16x8_s(i16x8.extadd_pairwise_i8x16_s(v));
  v128.store(sums, i32x4.add(v128.load(sums), sum));
}

/**
 * The panels `begin` to `end` of y, [rows, stride / 4].
 * @param x of `quantizeRows` with the same `form`
 * @param bias of whole panels, or 0
 * @param stride bytes of a row of y
 */
export function productInt8(
  x: usize,
  w: usize,
  bias: usize,
  y: usize,
  rows: u32,
  inner: u32,
  stride: usize,
  form: u32,
  begin: u32,
  end: u32,
): void {
  const words = form == Activations.Words;
  const values = (<usize>inner + 15) & ~15;
  const rowBytes = HEADER + (words ? values << 1 : values);
  const size = ((<usize>inner + 3) >> 2) << 6;
  for (let panel = begin; panel < end; panel++) {
    const weights = w + <usize>panel * (size + RECORD);
    const columns = (<usize>panel) << 6;
    const start: usize = bias == 0 ? 0 : bias + columns;
    let row: u32 = 0;
    if (words) {
      for (; row + 2 <= rows; row += 2) {
        const from = x + <usize>row * rowBytes;
        const to = y + <usize>row * stride + columns;
        for (let half: usize = 0; half < 64; half += 32) {
          twoRowsOfWords(
            from,
            from + rowBytes,
            weights,
            half,
            size,
            inner,
            start,
            to,
            stride,
          );
        }
      }
    } else if (ASC_FEATURE_RELAXED_SIMD) {
      for (; row + 3 <= rows; row += 3) {
        const from = x + <usize>row * rowBytes;
        const to = y + <usize>row * stride + columns;
        threeRows(from, rowBytes, weights, size, inner, start, to, stride);
      }
    }
    for (; row < rows; row++) {
      const from = x + <usize>row * rowBytes;
      const to = y + <usize>row * stride + columns;
      if (words) rowOfWords(from, weights, size, inner, start, to);
      else if (ASC_FEATURE_RELAXED_SIMD)
        oneRow(from, weights, size, inner, start, to);
    }
  }
}

/** Stores the columns at `group` of a row, from the sums of a · w. */
function finish(
  sums: v128,
  x: usize,
  record: usize,
  group: usize,
  inner: u32,
  bias: usize,
  y: usize,
): void {
  const q = v128.load(record + group, ZEROS);
  const point = i32x4.splat(load<i32>(x, POINT));
  const columns = i32x4.sub(
    v128.load(record + group),
    i32x4.mul(i32x4.splat(inner), q),
  );
  const corrected = i32x4.sub(
    i32x4.sub(sums, i32x4.mul(point, columns)),
    i32x4.mul(i32x4.splat(load<i32>(x, SUM)), q),
  );
  const scale = f32x4.mul(
    v128.load32_splat(x),
    v128.load(record + group, SCALES),
  );
  let result = f32x4.mul(f32x4.convert_i32x4_s(corrected), scale);
  if (bias != 0) result = f32x4.add(result, v128.load(bias + group));
  v128.store(y + group, result);
}

function dot(w: v128, a: v128, sum: v128): v128 {
  return i32x4.relaxed_dot_i8x16_i7x16_add_s(w, a, sum);
}

/** 1 x 16 results. */
function oneRow(
  x: usize,
  w: usize,
  size: usize,
  inner: u32,
  bias: usize,
  y: usize,
): void {
  let a = i32x4.splat(0);
  let b = a;
  let c = a;
  let d = a;
  let from = x;
  let at = w;
  const end = w + size;
  while (at < end) {
    const value = v128.load32_splat(from, HEADER);
    a = dot(v128.load(at), value, a);
    b = dot(v128.load(at, 16), value, b);
    c = dot(v128.load(at, 32), value, c);
    d = dot(v128.load(at, 48), value, d);
    from += 4;
    at += 64;
  }
  finish(a, x, end, 0, inner, bias, y);
  finish(b, x, end, 16, inner, bias, y);
  finish(c, x, end, 32, inner, bias, y);
  finish(d, x, end, 48, inner, bias, y);
}

/** 3 x 16 results. */
function threeRows(
  x: usize,
  rowBytes: usize,
  w: usize,
  size: usize,
  inner: u32,
  bias: usize,
  y: usize,
  stride: usize,
): void {
  const second = x + rowBytes;
  const third = second + rowBytes;
  let a0 = i32x4.splat(0);
  let b0 = a0;
  let c0 = a0;
  let d0 = a0;
  let a1 = a0;
  let b1 = a0;
  let c1 = a0;
  let d1 = a0;
  let a2 = a0;
  let b2 = a0;
  let c2 = a0;
  let d2 = a0;
  let k: usize = 0;
  let at = w;
  const end = w + size;
  while (at < end) {
    const x0 = v128.load32_splat(x + k, HEADER);
    const x1 = v128.load32_splat(second + k, HEADER);
    const x2 = v128.load32_splat(third + k, HEADER);
    let v = v128.load(at);
    a0 = dot(v, x0, a0);
    a1 = dot(v, x1, a1);
    a2 = dot(v, x2, a2);
    v = v128.load(at, 16);
    b0 = dot(v, x0, b0);
    b1 = dot(v, x1, b1);
    b2 = dot(v, x2, b2);
    v = v128.load(at, 32);
    c0 = dot(v, x0, c0);
    c1 = dot(v, x1, c1);
    c2 = dot(v, x2, c2);
    v = v128.load(at, 48);
    d0 = dot(v, x0, d0);
    d1 = dot(v, x1, d1);
    d2 = dot(v, x2, d2);
    k += 4;
    at += 64;
  }
  finish(a0, x, end, 0, inner, bias, y);
  finish(b0, x, end, 16, inner, bias, y);
  finish(c0, x, end, 32, inner, bias, y);
  finish(d0, x, end, 48, inner, bias, y);
  y += stride;
  finish(a1, second, end, 0, inner, bias, y);
  finish(b1, second, end, 16, inner, bias, y);
  finish(c1, second, end, 32, inner, bias, y);
  finish(d1, second, end, 48, inner, bias, y);
  y += stride;
  finish(a2, third, end, 0, inner, bias, y);
  finish(b2, third, end, 16, inner, bias, y);
  finish(c2, third, end, 32, inner, bias, y);
  finish(d2, third, end, 48, inner, bias, y);
}

/** Adds the products of two columns, each in two lanes. */
function addWords(w: usize, offset: usize, a: v128, sum: v128): v128 {
  return i32x4.add(sum, i32x4.dot_i16x8_s(v128.load8x8_s(w + offset), a));
}

/** The sums of four columns from the lanes of two pairs of them. */
// prettier-ignore
function addPairs(low: v128, high: v128): v128 {
  return i32x4.add(
    i8x16.shuffle(low, high, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27),
    i8x16.shuffle(low, high, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31),
  );
}

/** 1 x 16 results from words. */
function rowOfWords(
  x: usize,
  w: usize,
  size: usize,
  inner: u32,
  bias: usize,
  y: usize,
): void {
  let a0 = i32x4.splat(0);
  let a1 = a0;
  let b0 = a0;
  let b1 = a0;
  let c0 = a0;
  let c1 = a0;
  let d0 = a0;
  let d1 = a0;
  let from = x;
  let at = w;
  const end = w + size;
  while (at < end) {
    const value = v128.load64_splat(from, HEADER);
    a0 = addWords(at, 0, value, a0);
    a1 = addWords(at, 8, value, a1);
    b0 = addWords(at, 16, value, b0);
    b1 = addWords(at, 24, value, b1);
    c0 = addWords(at, 32, value, c0);
    c1 = addWords(at, 40, value, c1);
    d0 = addWords(at, 48, value, d0);
    d1 = addWords(at, 56, value, d1);
    from += 8;
    at += 64;
  }
  finish(addPairs(a0, a1), x, end, 0, inner, bias, y);
  finish(addPairs(b0, b1), x, end, 16, inner, bias, y);
  finish(addPairs(c0, c1), x, end, 32, inner, bias, y);
  finish(addPairs(d0, d1), x, end, 48, inner, bias, y);
}

/** 2 x 8 results from words, of the columns at `half`. */
function twoRowsOfWords(
  x: usize,
  second: usize,
  w: usize,
  half: usize,
  size: usize,
  inner: u32,
  bias: usize,
  y: usize,
  stride: usize,
): void {
  let a0 = i32x4.splat(0);
  let a1 = a0;
  let b0 = a0;
  let b1 = a0;
  let c0 = a0;
  let c1 = a0;
  let d0 = a0;
  let d1 = a0;
  let k: usize = 0;
  let at = w + half;
  const end = at + size;
  while (at < end) {
    const x0 = v128.load64_splat(x + k, HEADER);
    const x1 = v128.load64_splat(second + k, HEADER);
    let v = v128.load8x8_s(at);
    a0 = i32x4.add(a0, i32x4.dot_i16x8_s(v, x0));
    c0 = i32x4.add(c0, i32x4.dot_i16x8_s(v, x1));
    v = v128.load8x8_s(at, 8);
    a1 = i32x4.add(a1, i32x4.dot_i16x8_s(v, x0));
    c1 = i32x4.add(c1, i32x4.dot_i16x8_s(v, x1));
    v = v128.load8x8_s(at, 16);
    b0 = i32x4.add(b0, i32x4.dot_i16x8_s(v, x0));
    d0 = i32x4.add(d0, i32x4.dot_i16x8_s(v, x1));
    v = v128.load8x8_s(at, 24);
    b1 = i32x4.add(b1, i32x4.dot_i16x8_s(v, x0));
    d1 = i32x4.add(d1, i32x4.dot_i16x8_s(v, x1));
    k += 8;
    at += 64;
  }
  const record = w + size;
  finish(addPairs(a0, a1), x, record, half, inner, bias, y);
  finish(addPairs(b0, b1), x, record, half + 16, inner, bias, y);
  y += stride;
  finish(addPairs(c0, c1), second, record, half, inner, bias, y);
  finish(addPairs(d0, d1), second, record, half + 16, inner, bias, y);
}
