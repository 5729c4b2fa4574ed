/**
 * Attention of new rows to the KV cache:
 *
 *     y[row, head] = Σ p softmax(scale · q[row, head] · k[p]) v[p],  p ≤ position + row
 *
 * Positions come in blocks of 32 from the first, with the softmax rescaled from block to
 * block, so a row has the same result however many are computed with it. Items are
 * (row, head). q: rows of `stride` bytes that begin with [heads, headDim]; headDim is a
 * multiple of 4. Keys and values: [kvHeads, capacity, headDim]. `scratch` has 32 floats an
 * item. y: [rows, heads, headDim].
 */
import { exp } from "./math";
import { multiplyAdd, sumLanes } from "./simd";

const BLOCK: u32 = 32;

export function cachedAttention(
  q: usize,
  keys: usize,
  values: usize,
  y: usize,
  scratch: usize,
  stride: usize,
  heads: u32,
  kvHeads: u32,
  headDim: u32,
  capacity: u32,
  position: u32,
  scale: f32,
  begin: u32,
  end: u32,
): void {
  const bytes = (<usize>headDim) << 2;
  const group = heads / kvHeads;
  for (let item = begin; item < end; item++) {
    const row = item / heads;
    const head = item % heads;
    const cache = <usize>(head / group) * capacity * bytes;
    const query = q + <usize>row * stride + <usize>head * bytes;
    const scores = scratch + ((<usize>item * BLOCK) << 2);
    const to = y + <usize>item * bytes;
    const count = position + row + 1;
    memory.fill(to, 0, bytes);
    let most: f32 = -Infinity;
    let total: f32 = 0;
    for (let from: u32 = 0; from < count; from += BLOCK) {
      const length = min(BLOCK, count - from);
      const offset = cache + <usize>from * bytes;
      let largest = most;
      for (let p: u32 = 0; p < length; p++) {
        const product = dot(query, keys + offset + <usize>p * bytes, bytes);
        const score = product * scale;
        largest = max(largest, score);
        store<f32>(scores + ((<usize>p) << 2), score);
      }
      // A whole number of vectors.
      for (let p = length; p % 4 !== 0; p++) {
        store<f32>(scores + ((<usize>p) << 2), -Infinity);
      }
      const kept = exponential(most - largest);
      let sum = f32x4.splat(0);
      const middle = f32x4.splat(largest);
      for (let p: u32 = 0; p < length; p += 4) {
        const place = scores + ((<usize>p) << 2);
        const score = v128.load(place);
        const weight = v128.and(
          exp(f32x4.sub(score, middle)),
          f32x4.gt(score, f32x4.splat(-Infinity)),
        );
        v128.store(place, weight);
        sum = f32x4.add(sum, weight);
      }
      total = total * kept + sumLanes(sum);
      addValues(to, values + offset, scores, bytes, length, kept);
      most = largest;
    }
    const over = f32x4.splat(<f32>1 / total);
    for (let i: usize = 0; i < bytes; i += 16) {
      v128.store(to + i, f32x4.mul(v128.load(to + i), over));
    }
  }
}

function exponential(x: f32): f32 {
  return x === -Infinity ? 0 : f32x4.extract_lane(exp(f32x4.splat(x)), 0);
}

function dot(a: usize, b: usize, bytes: usize): f32 {
  let first = f32x4.splat(0);
  let second = f32x4.splat(0);
  let i: usize = 0;
  for (; i + 32 <= bytes; i += 32) {
    first = multiplyAdd(v128.load(a + i), v128.load(b + i), first);
    second = multiplyAdd(v128.load(a + i, 16), v128.load(b + i, 16), second);
  }
  if (i < bytes) first = multiplyAdd(v128.load(a + i), v128.load(b + i), first);
  return sumLanes(f32x4.add(first, second));
}

/** y = kept · y + Σ p weights[p] · values[p] */
function addValues(
  y: usize,
  values: usize,
  weights: usize,
  bytes: usize,
  length: u32,
  kept: f32,
): void {
  const factor = f32x4.splat(kept);
  let i: usize = 0;
  for (; i + 64 <= bytes; i += 64) {
    let a = f32x4.mul(v128.load(y + i), factor);
    let b = f32x4.mul(v128.load(y + i, 16), factor);
    let c = f32x4.mul(v128.load(y + i, 32), factor);
    let d = f32x4.mul(v128.load(y + i, 48), factor);
    let at = values + i;
    for (let p: u32 = 0; p < length; p++) {
      const weight = v128.load32_splat(weights + ((<usize>p) << 2));
      a = multiplyAdd(weight, v128.load(at), a);
      b = multiplyAdd(weight, v128.load(at, 16), b);
      c = multiplyAdd(weight, v128.load(at, 32), c);
      d = multiplyAdd(weight, v128.load(at, 48), d);
      at += bytes;
    }
    v128.store(y + i, a);
    v128.store(y + i, b, 16);
    v128.store(y + i, c, 32);
    v128.store(y + i, d, 48);
  }
  for (; i < bytes; i += 16) {
    let a = f32x4.mul(v128.load(y + i), factor);
    let at = values + i;
    for (let p: u32 = 0; p < length; p++) {
      const weight = v128.load32_splat(weights + ((<usize>p) << 2));
      a = multiplyAdd(weight, v128.load(at), a);
      at += bytes;
    }
    v128.store(y + i, a);
  }
}
