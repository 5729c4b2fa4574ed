/**
 * Products of float32 matrices with an epilogue:
 *
 *     y[i, j] = act(bias[j] + Σ x[i, k] · weight[k, j]) + residual[i, j]
 *
 * x is [rows, inputs] and y is [rows, outputs], both with columns padded to a
 * multiple of 4. The weight is stored in panels of 8 columns, [outputs / 8, inputs,
 * 8], the last one padded. A tile of 6 rows and 8 columns keeps its 12 sums in
 * registers; k advances by 4 at a time, because each turn of a loop costs as much as
 * several multiplications. A row alone is multiplied by four panels at once. A row's
 * sums are added in the order of k, however many rows there are.
 */
import { activateInPlace } from "./math";
import { multiplyAdd } from "./simd";

/**
 * `residual` is 0 if there is none. An item is a panel for `blockRows` rows; the
 * items of the first rows come first, so that these rows stay in the cache. Computes
 * items `begin` to `end`.
 */
export function productFloat(
  x: usize,
  weight: usize,
  bias: usize,
  residual: usize,
  y: usize,
  rows: i32,
  inputs: i32,
  outputs: i32,
  blockRows: i32,
  activation: i32,
  begin: i32,
  end: i32,
): void {
  const panels = (outputs + 7) >> 3;
  const panelBytes = (<usize>inputs) << 5;
  for (let item = begin; item < end; item++) {
    const panel = item % panels;
    const first = (item / panels) * blockRows;
    const last = min(rows, first + blockRows);
    const offset = (<usize>panel) << 5;
    const wide = (panel << 3) + 8 <= outputs;
    if (rows == 1 && item + 4 <= end && (item + 4) << 3 <= outputs) {
      fourPanels(
        x,
        weight + <usize>panel * panelBytes,
        bias + offset,
        residual == 0 ? 0 : residual + offset,
        y + offset,
        panelBytes,
        activation,
      );
      item += 3;
      continue;
    }
    if (last - first == 1) {
      oneRow(
        x,
        weight + <usize>panel * panelBytes,
        bias + offset,
        residual == 0 ? 0 : residual + offset,
        y + offset,
        first,
        inputs,
        outputs,
        wide,
        activation,
      );
      continue;
    }
    for (let row = first; row < last; row += 6) {
      tile(
        x,
        weight + <usize>panel * panelBytes,
        bias + offset,
        residual == 0 ? 0 : residual + offset,
        y + offset,
        row,
        last - 1,
        inputs,
        outputs,
        wide,
        activation,
      );
    }
  }
}

/** Rows `row` to `row` + 5; those after `last` repeat it. `wide`: whether the panel
 * has 8 columns, not 4. */
function tile(
  x: usize,
  panel: usize,
  bias: usize,
  residual: usize,
  y: usize,
  row: i32,
  last: i32,
  inputs: i32,
  outputs: i32,
  wide: bool,
  activation: i32,
): void {
  const line = (<usize>inputs) << 2;
  const r0 = <usize>row;
  const r1 = <usize>min(row + 1, last);
  const r2 = <usize>min(row + 2, last);
  const r3 = <usize>min(row + 3, last);
  const r4 = <usize>min(row + 4, last);
  const r5 = <usize>min(row + 5, last);
  let p0 = x + r0 * line;
  let p1 = x + r1 * line;
  let p2 = x + r2 * line;
  let p3 = x + r3 * line;
  let p4 = x + r4 * line;
  let p5 = x + r5 * line;
  let w = panel;
  const end = panel + (line << 3);
  const low = v128.load(bias);
  const high = wide ? v128.load(bias, 16) : low;
  let a0 = low;
  let b0 = high;
  let a1 = low;
  let b1 = high;
  let a2 = low;
  let b2 = high;
  let a3 = low;
  let b3 = high;
  let a4 = low;
  let b4 = high;
  let a5 = low;
  let b5 = high;
  while (w < end) {
    let w0 = v128.load(w, 0);
    let w1 = v128.load(w, 16);
    let v = v128.load32_splat(p0, 0);
    a0 = multiplyAdd(v, w0, a0);
    b0 = multiplyAdd(v, w1, b0);
    v = v128.load32_splat(p1, 0);
    a1 = multiplyAdd(v, w0, a1);
    b1 = multiplyAdd(v, w1, b1);
    v = v128.load32_splat(p2, 0);
    a2 = multiplyAdd(v, w0, a2);
    b2 = multiplyAdd(v, w1, b2);
    v = v128.load32_splat(p3, 0);
    a3 = multiplyAdd(v, w0, a3);
    b3 = multiplyAdd(v, w1, b3);
    v = v128.load32_splat(p4, 0);
    a4 = multiplyAdd(v, w0, a4);
    b4 = multiplyAdd(v, w1, b4);
    v = v128.load32_splat(p5, 0);
    a5 = multiplyAdd(v, w0, a5);
    b5 = multiplyAdd(v, w1, b5);
    w0 = v128.load(w, 32);
    w1 = v128.load(w, 48);
    v = v128.load32_splat(p0, 4);
    a0 = multiplyAdd(v, w0, a0);
    b0 = multiplyAdd(v, w1, b0);
    v = v128.load32_splat(p1, 4);
    a1 = multiplyAdd(v, w0, a1);
    b1 = multiplyAdd(v, w1, b1);
    v = v128.load32_splat(p2, 4);
    a2 = multiplyAdd(v, w0, a2);
    b2 = multiplyAdd(v, w1, b2);
    v = v128.load32_splat(p3, 4);
    a3 = multiplyAdd(v, w0, a3);
    b3 = multiplyAdd(v, w1, b3);
    v = v128.load32_splat(p4, 4);
    a4 = multiplyAdd(v, w0, a4);
    b4 = multiplyAdd(v, w1, b4);
    v = v128.load32_splat(p5, 4);
    a5 = multiplyAdd(v, w0, a5);
    b5 = multiplyAdd(v, w1, b5);
    w0 = v128.load(w, 64);
    w1 = v128.load(w, 80);
    v = v128.load32_splat(p0, 8);
    a0 = multiplyAdd(v, w0, a0);
    b0 = multiplyAdd(v, w1, b0);
    v = v128.load32_splat(p1, 8);
    a1 = multiplyAdd(v, w0, a1);
    b1 = multiplyAdd(v, w1, b1);
    v = v128.load32_splat(p2, 8);
    a2 = multiplyAdd(v, w0, a2);
    b2 = multiplyAdd(v, w1, b2);
    v = v128.load32_splat(p3, 8);
    a3 = multiplyAdd(v, w0, a3);
    b3 = multiplyAdd(v, w1, b3);
    v = v128.load32_splat(p4, 8);
    a4 = multiplyAdd(v, w0, a4);
    b4 = multiplyAdd(v, w1, b4);
    v = v128.load32_splat(p5, 8);
    a5 = multiplyAdd(v, w0, a5);
    b5 = multiplyAdd(v, w1, b5);
    w0 = v128.load(w, 96);
    w1 = v128.load(w, 112);
    v = v128.load32_splat(p0, 12);
    a0 = multiplyAdd(v, w0, a0);
    b0 = multiplyAdd(v, w1, b0);
    v = v128.load32_splat(p1, 12);
    a1 = multiplyAdd(v, w0, a1);
    b1 = multiplyAdd(v, w1, b1);
    v = v128.load32_splat(p2, 12);
    a2 = multiplyAdd(v, w0, a2);
    b2 = multiplyAdd(v, w1, b2);
    v = v128.load32_splat(p3, 12);
    a3 = multiplyAdd(v, w0, a3);
    b3 = multiplyAdd(v, w1, b3);
    v = v128.load32_splat(p4, 12);
    a4 = multiplyAdd(v, w0, a4);
    b4 = multiplyAdd(v, w1, b4);
    v = v128.load32_splat(p5, 12);
    a5 = multiplyAdd(v, w0, a5);
    b5 = multiplyAdd(v, w1, b5);
    w += 128;
    p0 += 16;
    p1 += 16;
    p2 += 16;
    p3 += 16;
    p4 += 16;
    p5 += 16;
  }
  const step = (<usize>outputs) << 2;
  finish(y, residual, r0 * step, a0, b0, wide, activation);
  finish(y, residual, r1 * step, a1, b1, wide, activation);
  finish(y, residual, r2 * step, a2, b2, wide, activation);
  finish(y, residual, r3 * step, a3, b3, wide, activation);
  finish(y, residual, r4 * step, a4, b4, wide, activation);
  finish(y, residual, r5 * step, a5, b5, wide, activation);
}

/** One row and four panels, whose eight sums hide the latency of the additions. */
function fourPanels(
  x: usize,
  panel: usize,
  bias: usize,
  residual: usize,
  y: usize,
  panelBytes: usize,
  activation: i32,
): void {
  let p = x;
  let w0 = panel;
  let w1 = w0 + panelBytes;
  let w2 = w1 + panelBytes;
  let w3 = w2 + panelBytes;
  const end = w1;
  let a0 = v128.load(bias);
  let b0 = v128.load(bias, 16);
  let a1 = v128.load(bias, 32);
  let b1 = v128.load(bias, 48);
  let a2 = v128.load(bias, 64);
  let b2 = v128.load(bias, 80);
  let a3 = v128.load(bias, 96);
  let b3 = v128.load(bias, 112);
  while (w0 < end) {
    let v = v128.load32_splat(p);
    a0 = multiplyAdd(v, v128.load(w0), a0);
    b0 = multiplyAdd(v, v128.load(w0, 16), b0);
    a1 = multiplyAdd(v, v128.load(w1), a1);
    b1 = multiplyAdd(v, v128.load(w1, 16), b1);
    a2 = multiplyAdd(v, v128.load(w2), a2);
    b2 = multiplyAdd(v, v128.load(w2, 16), b2);
    a3 = multiplyAdd(v, v128.load(w3), a3);
    b3 = multiplyAdd(v, v128.load(w3, 16), b3);
    v = v128.load32_splat(p, 4);
    a0 = multiplyAdd(v, v128.load(w0, 32), a0);
    b0 = multiplyAdd(v, v128.load(w0, 48), b0);
    a1 = multiplyAdd(v, v128.load(w1, 32), a1);
    b1 = multiplyAdd(v, v128.load(w1, 48), b1);
    a2 = multiplyAdd(v, v128.load(w2, 32), a2);
    b2 = multiplyAdd(v, v128.load(w2, 48), b2);
    a3 = multiplyAdd(v, v128.load(w3, 32), a3);
    b3 = multiplyAdd(v, v128.load(w3, 48), b3);
    p += 8;
    w0 += 64;
    w1 += 64;
    w2 += 64;
    w3 += 64;
  }
  finish(y, residual, 0, a0, b0, true, activation);
  finish(y, residual, 32, a1, b1, true, activation);
  finish(y, residual, 64, a2, b2, true, activation);
  finish(y, residual, 96, a3, b3, true, activation);
}

/** The row `row`, as in `tile`. */
function oneRow(
  x: usize,
  panel: usize,
  bias: usize,
  residual: usize,
  y: usize,
  row: i32,
  inputs: i32,
  outputs: i32,
  wide: bool,
  activation: i32,
): void {
  const line = (<usize>inputs) << 2;
  let p = x + <usize>row * line;
  let w = panel;
  const end = panel + (line << 3);
  let a = v128.load(bias);
  let b = wide ? v128.load(bias, 16) : a;
  while (w < end) {
    let v = v128.load32_splat(p, 0);
    a = multiplyAdd(v, v128.load(w, 0), a);
    b = multiplyAdd(v, v128.load(w, 16), b);
    v = v128.load32_splat(p, 4);
    a = multiplyAdd(v, v128.load(w, 32), a);
    b = multiplyAdd(v, v128.load(w, 48), b);
    v = v128.load32_splat(p, 8);
    a = multiplyAdd(v, v128.load(w, 64), a);
    b = multiplyAdd(v, v128.load(w, 80), b);
    v = v128.load32_splat(p, 12);
    a = multiplyAdd(v, v128.load(w, 96), a);
    b = multiplyAdd(v, v128.load(w, 112), b);
    w += 128;
    p += 16;
  }
  const offset = (<usize>row * <usize>outputs) << 2;
  finish(y, residual, offset, a, b, wide, activation);
}

/** Stores the sums of a row. */
function finish(
  y: usize,
  residual: usize,
  offset: usize,
  low: v128,
  high: v128,
  wide: bool,
  activation: i32,
): void {
  const to = y + offset;
  v128.store(to, low);
  if (wide) v128.store(to, high, 16);
  if (activation != 0) activateInPlace(to, wide ? 8 : 4, activation);
  if (residual == 0) return;
  const from = residual + offset;
  v128.store(to, f32x4.add(v128.load(to), v128.load(from)));
  if (!wide) return;
  v128.store(to, f32x4.add(v128.load(to, 16), v128.load(from, 16)), 16);
}
