/**
 * Attention between all pixels of a map, without a mask:
 *
 *     y[i] = Σ softmax(scale · q[i] · k[j]) v[j]    for each head
 *
 * Queries, keys and values are columns of maps, `width` for each head, a multiple
 * of 8. The keys of a head are transposed first, so that a vector holds one
 * dimension of four keys.
 */
import { exp } from "./math";
import { multiplyAdd, sumLanes } from "./simd";

/** Queries that are computed together. */
const ROWS: i32 = 4;
/** Score of the keys that fill up the last vectors. */
const PADDING: f32 = -3.4028235e38;

/**
 * Computes heads `begin` to `end`. Strides are channels per pixel. `scratch` has
 * for each head (width + 4) · pixels floats, with pixels padded to a multiple of 8.
 */
export function mapAttention(
  query: usize,
  queryStride: i32,
  key: usize,
  keyStride: i32,
  value: usize,
  valueStride: i32,
  y: usize,
  yStride: i32,
  scratch: usize,
  pixels: i32,
  width: i32,
  scale: f32,
  begin: i32,
  end: i32,
): void {
  const padded = (pixels + 7) & ~7;
  const line = (<usize>padded) << 2;
  const head = (<usize>width) << 2;
  for (let h = begin; h < end; h++) {
    const first = <usize>h * head;
    const keys = scratch + <usize>h * <usize>(width + ROWS) * line;
    const scores = keys + <usize>width * line;
    transposeKeys(key + first, keyStride, keys, pixels, padded, width);
    for (let i = 0; i < pixels; i += ROWS) {
      scoreRows(
        query + first,
        queryStride,
        i,
        keys,
        scores,
        pixels,
        padded,
        width,
      );
      for (let r = 0; r < ROWS; r++) {
        softmax(scores + <usize>r * line, pixels, padded, scale);
      }
      weightedValues(
        scores,
        line,
        value + first,
        valueStride,
        y + first,
        yStride,
        i,
        pixels,
        width,
      );
    }
  }
}

/** y[d, j] = x[j, d], zero from `pixels` on. */
function transposeKeys(
  x: usize,
  stride: i32,
  y: usize,
  pixels: i32,
  padded: i32,
  width: i32,
): void {
  for (let d = 0; d < width; d++) {
    let from = x + ((<usize>d) << 2);
    let to = y + ((<usize>(d * padded)) << 2);
    for (let j = 0; j < pixels; j++) {
      store<f32>(to, load<f32>(from));
      from += (<usize>stride) << 2;
      to += 4;
    }
    for (let j = pixels; j < padded; j++) {
      store<f32>(to, 0);
      to += 4;
    }
  }
}

/** Address of row `i`, or of the last one: rows past the end repeat it. */
function rowAt(x: usize, stride: i32, i: i32, count: i32): usize {
  return x + ((<usize>(min(i, count - 1) * stride)) << 2);
}

/** scores[r, j] = q[i + r] · k[j] */
function scoreRows(
  query: usize,
  stride: i32,
  i: i32,
  keys: usize,
  scores: usize,
  pixels: i32,
  padded: i32,
  width: i32,
): void {
  const line = (<usize>padded) << 2;
  const q0 = rowAt(query, stride, i, pixels);
  const q1 = rowAt(query, stride, i + 1, pixels);
  const q2 = rowAt(query, stride, i + 2, pixels);
  const q3 = rowAt(query, stride, i + 3, pixels);
  const last = (<usize>width) << 2;
  for (let column: usize = 0; column < line; column += 32) {
    let a0 = f32x4.splat(0);
    let a1 = a0;
    let b0 = a0;
    let b1 = a0;
    let c0 = a0;
    let c1 = a0;
    let d0 = a0;
    let d1 = a0;
    let k = keys + column;
    for (let at: usize = 0; at < last; at += 4) {
      const k0 = v128.load(k);
      const k1 = v128.load(k, 16);
      k += line;
      let q = v128.load32_splat(q0 + at);
      a0 = multiplyAdd(q, k0, a0);
      a1 = multiplyAdd(q, k1, a1);
      q = v128.load32_splat(q1 + at);
      b0 = multiplyAdd(q, k0, b0);
      b1 = multiplyAdd(q, k1, b1);
      q = v128.load32_splat(q2 + at);
      c0 = multiplyAdd(q, k0, c0);
      c1 = multiplyAdd(q, k1, c1);
      q = v128.load32_splat(q3 + at);
      d0 = multiplyAdd(q, k0, d0);
      d1 = multiplyAdd(q, k1, d1);
    }
    let to = scores + column;
    v128.store(to, a0);
    v128.store(to, a1, 16);
    to += line;
    v128.store(to, b0);
    v128.store(to, b1, 16);
    to += line;
    v128.store(to, c0);
    v128.store(to, c1, 16);
    to += line;
    v128.store(to, d0);
    v128.store(to, d1, 16);
  }
}

/** x = softmax(scale · x) of `count` scores; those up to `padded` become 0. */
function softmax(x: usize, count: i32, padded: i32, scale: f32): void {
  const end = x + ((<usize>padded) << 2);
  for (let at = x + ((<usize>count) << 2); at < end; at += 4) {
    store<f32>(at, PADDING);
  }
  let most = f32x4.splat(PADDING);
  for (let at = x; at < end; at += 16) {
    most = f32x4.pmax(v128.load(at), most);
  }
  const pairs = f32x4.pmax(most, v128.shuffle<f32>(most, most, 2, 3, 0, 1));
  const largest = f32x4.splat(
    max<f32>(f32x4.extract_lane(pairs, 0), f32x4.extract_lane(pairs, 1)),
  );
  const factor = f32x4.splat(scale);
  let sum = f32x4.splat(0);
  for (let at = x; at < end; at += 16) {
    const difference = f32x4.sub(v128.load(at), largest);
    const weight = exp(f32x4.mul(difference, factor));
    v128.store(at, weight);
    sum = f32x4.add(sum, weight);
  }
  const share = f32x4.splat(1 / sumLanes(sum));
  for (let at = x; at < end; at += 16) {
    v128.store(at, f32x4.mul(v128.load(at), share));
  }
}

/** y[i + r] = Σ weights[r, j] v[j] */
function weightedValues(
  weights: usize,
  line: usize,
  value: usize,
  valueStride: i32,
  y: usize,
  yStride: i32,
  i: i32,
  pixels: i32,
  width: i32,
): void {
  const step = (<usize>valueStride) << 2;
  const y0 = rowAt(y, yStride, i, pixels);
  const y1 = rowAt(y, yStride, i + 1, pixels);
  const y2 = rowAt(y, yStride, i + 2, pixels);
  const y3 = rowAt(y, yStride, i + 3, pixels);
  const last = (<usize>width) << 2;
  for (let column: usize = 0; column < last; column += 32) {
    let a0 = f32x4.splat(0);
    let a1 = a0;
    let b0 = a0;
    let b1 = a0;
    let c0 = a0;
    let c1 = a0;
    let d0 = a0;
    let d1 = a0;
    let v = value + column;
    let w = weights;
    for (let j = 0; j < pixels; j++) {
      const v0 = v128.load(v);
      const v1 = v128.load(v, 16);
      v += step;
      let p = v128.load32_splat(w);
      a0 = multiplyAdd(p, v0, a0);
      a1 = multiplyAdd(p, v1, a1);
      p = v128.load32_splat(w + line);
      b0 = multiplyAdd(p, v0, b0);
      b1 = multiplyAdd(p, v1, b1);
      p = v128.load32_splat(w + 2 * line);
      c0 = multiplyAdd(p, v0, c0);
      c1 = multiplyAdd(p, v1, c1);
      p = v128.load32_splat(w + 3 * line);
      d0 = multiplyAdd(p, v0, d0);
      d1 = multiplyAdd(p, v1, d1);
      w += 4;
    }
    v128.store(y0 + column, a0);
    v128.store(y0 + column, a1, 16);
    v128.store(y1 + column, b0);
    v128.store(y1 + column, b1, 16);
    v128.store(y2 + column, c0);
    v128.store(y2 + column, c1, 16);
    v128.store(y3 + column, d0);
    v128.store(y3 + column, d1, 16);
  }
}
