/**
 * Rotary position embedding, and the KV cache's new positions. Rows of `qkv`:
 * [heads + 2 kvHeads, headDim], queries, keys, values. Of each query and key the first
 * `rotated` features are turned, in pairs (i, i + rotated / 2), or (2i, 2i + 1) if
 * `interleaved`:
 *
 *     a, b → a cos − b sin, b cos + a sin
 *
 * with cos and sin [positions, rotated / 2]. Queries stay in their place; keys and values
 * go to [kvHeads, capacity, headDim]. Row r has the position `position` + r.
 */
export function rotateIntoCache(
  qkv: usize,
  cos: usize,
  sin: usize,
  keys: usize,
  values: usize,
  heads: u32,
  kvHeads: u32,
  headDim: u32,
  rotated: u32,
  interleaved: u32,
  capacity: u32,
  position: u32,
  begin: u32,
  end: u32,
): void {
  const headBytes = (<usize>headDim) << 2;
  const rowBytes = <usize>(heads + 2 * kvHeads) * headBytes;
  const half = (<usize>rotated) << 1;
  for (let row = begin; row < end; row++) {
    const place = position + row;
    const c = cos + <usize>place * half;
    const s = sin + <usize>place * half;
    let at = qkv + <usize>row * rowBytes;
    for (let head: u32 = 0; head < heads + kvHeads; head++) {
      if (interleaved !== 0) rotatePairs(at, c, s, half);
      else rotateHalves(at, c, s, half);
      at += headBytes;
    }
    at -= <usize>kvHeads * headBytes;
    const offset = <usize>place * headBytes;
    const cacheHead = <usize>capacity * headBytes;
    for (let head: u32 = 0; head < kvHeads; head++) {
      const to = <usize>head * cacheHead + offset;
      const from = at + <usize>head * headBytes;
      memory.copy(keys + to, from, headBytes);
      memory.copy(values + to, from + <usize>kvHeads * headBytes, headBytes);
    }
  }
}

/** @param half bytes of half of the features */
function rotateHalves(x: usize, cos: usize, sin: usize, half: usize): void {
  let i: usize = 0;
  for (; i + 16 <= half; i += 16) {
    const a = v128.load(x + i);
    const b = v128.load(x + half + i);
    const c = v128.load(cos + i);
    const s = v128.load(sin + i);
    v128.store(x + i, f32x4.sub(f32x4.mul(a, c), f32x4.mul(b, s)));
    v128.store(x + half + i, f32x4.add(f32x4.mul(b, c), f32x4.mul(a, s)));
  }
  for (; i < half; i += 4) rotate(x + i, x + half + i, cos + i, sin + i);
}

function rotatePairs(x: usize, cos: usize, sin: usize, half: usize): void {
  for (let i: usize = 0; i < half; i += 4) {
    rotate(x + 2 * i, x + 2 * i + 4, cos + i, sin + i);
  }
}

function rotate(first: usize, second: usize, cos: usize, sin: usize): void {
  const a = load<f32>(first);
  const b = load<f32>(second);
  const c = load<f32>(cos);
  const s = load<f32>(sin);
  store<f32>(first, a * c - b * s);
  store<f32>(second, b * c + a * s);
}
