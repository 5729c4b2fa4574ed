/**
 * Depthwise convolutions of a map [height, width, channels]:
 *
 *     y[i, j, c] = act(bias[c] + Σ weight[c, u, v] · x[i + u - p, j + v - p, c])
 *
 * Channels are padded to a multiple of 4. Weights are [channels / 4, kernel
 * height, kernel width, 4], so that a vector holds one position of the kernel for
 * four channels. A tile keeps a row of the kernel and its sums in registers: each
 * input is loaded once for all outputs of the tile that read it, and positions
 * outside of the map are skipped, not multiplied by zero.
 */
import { activateInPlace } from "./math";
import { multiplyAdd } from "./simd";

/** A 7 x 7 kernel with stride 1 and padding 3. Computes rows `begin` to `end`. */
export function depthwise7(
  x: usize,
  weight: usize,
  bias: usize,
  y: usize,
  height: i32,
  width: i32,
  channels: i32,
  activation: i32,
  begin: i32,
  end: i32,
): void {
  for (let row = begin; row < end; row++) {
    for (let first = 0; first < width; first += 8) {
      if (first >= 3 && first + 11 <= width) {
        tile7<i32>(x, weight, bias, y, height, width, channels, row, first);
      } else {
        tile7<bool>(x, weight, bias, y, height, width, channels, row, first);
      }
    }
    const size = width * channels;
    activateInPlace(y + ((<usize>(row * size)) << 2), size, activation);
  }
}

/** 8 output pixels of row y from column `first`, for all channels. `Border` is
 * bool where the window may leave the map, and columns outside are skipped. */
function tile7<Border>(
  x: usize,
  weight: usize,
  bias: usize,
  y: usize,
  height: i32,
  width: i32,
  channels: i32,
  row: i32,
  first: i32,
): void {
  const pixel = (<usize>channels) << 2;
  const line = pixel * <usize>width;
  const top = max(0, 3 - row);
  const bottom = min(7, height + 3 - row);
  const left = first - 3;
  const count = isBoolean<Border>() ? min(8, width - first) : 8;
  let corner = x + <usize>((row + top - 3) * width + left) * pixel;
  let kernel = weight + <usize>(top * 112);
  let out = y + <usize>(row * width + first) * pixel;
  for (let c = 0; c < channels; c += 4) {
    let a0 = v128.load(bias);
    let a1 = a0;
    let a2 = a0;
    let a3 = a0;
    let a4 = a0;
    let a5 = a0;
    let a6 = a0;
    let a7 = a0;
    let start = corner;
    let w = kernel;
    for (let u = top; u < bottom; u++) {
      const w0 = v128.load(w, 0);
      const w1 = v128.load(w, 16);
      const w2 = v128.load(w, 32);
      const w3 = v128.load(w, 48);
      const w4 = v128.load(w, 64);
      const w5 = v128.load(w, 80);
      const w6 = v128.load(w, 96);
      let from = start;
      if (!isBoolean<Border>() || <u32>(left + 0) < <u32>width) {
        const v = v128.load(from);
        a0 = multiplyAdd(v, w0, a0);
      }
      from += pixel;
      if (!isBoolean<Border>() || <u32>(left + 1) < <u32>width) {
        const v = v128.load(from);
        a0 = multiplyAdd(v, w1, a0);
        a1 = multiplyAdd(v, w0, a1);
      }
      from += pixel;
      if (!isBoolean<Border>() || <u32>(left + 2) < <u32>width) {
        const v = v128.load(from);
        a0 = multiplyAdd(v, w2, a0);
        a1 = multiplyAdd(v, w1, a1);
        a2 = multiplyAdd(v, w0, a2);
      }
      from += pixel;
      if (!isBoolean<Border>() || <u32>(left + 3) < <u32>width) {
        const v = v128.load(from);
        a0 = multiplyAdd(v, w3, a0);
        a1 = multiplyAdd(v, w2, a1);
        a2 = multiplyAdd(v, w1, a2);
        a3 = multiplyAdd(v, w0, a3);
      }
      from += pixel;
      if (!isBoolean<Border>() || <u32>(left + 4) < <u32>width) {
        const v = v128.load(from);
        a0 = multiplyAdd(v, w4, a0);
        a1 = multiplyAdd(v, w3, a1);
        a2 = multiplyAdd(v, w2, a2);
        a3 = multiplyAdd(v, w1, a3);
        a4 = multiplyAdd(v, w0, a4);
      }
      from += pixel;
      if (!isBoolean<Border>() || <u32>(left + 5) < <u32>width) {
        const v = v128.load(from);
        a0 = multiplyAdd(v, w5, a0);
        a1 = multiplyAdd(v, w4, a1);
        a2 = multiplyAdd(v, w3, a2);
        a3 = multiplyAdd(v, w2, a3);
        a4 = multiplyAdd(v, w1, a4);
        a5 = multiplyAdd(v, w0, a5);
      }
      from += pixel;
      if (!isBoolean<Border>() || <u32>(left + 6) < <u32>width) {
        const v = v128.load(from);
        a0 = multiplyAdd(v, w6, a0);
        a1 = multiplyAdd(v, w5, a1);
        a2 = multiplyAdd(v, w4, a2);
        a3 = multiplyAdd(v, w3, a3);
        a4 = multiplyAdd(v, w2, a4);
        a5 = multiplyAdd(v, w1, a5);
        a6 = multiplyAdd(v, w0, a6);
      }
      from += pixel;
      if (!isBoolean<Border>() || <u32>(left + 7) < <u32>width) {
        const v = v128.load(from);
        a1 = multiplyAdd(v, w6, a1);
        a2 = multiplyAdd(v, w5, a2);
        a3 = multiplyAdd(v, w4, a3);
        a4 = multiplyAdd(v, w3, a4);
        a5 = multiplyAdd(v, w2, a5);
        a6 = multiplyAdd(v, w1, a6);
        a7 = multiplyAdd(v, w0, a7);
      }
      from += pixel;
      if (!isBoolean<Border>() || <u32>(left + 8) < <u32>width) {
        const v = v128.load(from);
        a2 = multiplyAdd(v, w6, a2);
        a3 = multiplyAdd(v, w5, a3);
        a4 = multiplyAdd(v, w4, a4);
        a5 = multiplyAdd(v, w3, a5);
        a6 = multiplyAdd(v, w2, a6);
        a7 = multiplyAdd(v, w1, a7);
      }
      from += pixel;
      if (!isBoolean<Border>() || <u32>(left + 9) < <u32>width) {
        const v = v128.load(from);
        a3 = multiplyAdd(v, w6, a3);
        a4 = multiplyAdd(v, w5, a4);
        a5 = multiplyAdd(v, w4, a5);
        a6 = multiplyAdd(v, w3, a6);
        a7 = multiplyAdd(v, w2, a7);
      }
      from += pixel;
      if (!isBoolean<Border>() || <u32>(left + 10) < <u32>width) {
        const v = v128.load(from);
        a4 = multiplyAdd(v, w6, a4);
        a5 = multiplyAdd(v, w5, a5);
        a6 = multiplyAdd(v, w4, a6);
        a7 = multiplyAdd(v, w3, a7);
      }
      from += pixel;
      if (!isBoolean<Border>() || <u32>(left + 11) < <u32>width) {
        const v = v128.load(from);
        a5 = multiplyAdd(v, w6, a5);
        a6 = multiplyAdd(v, w5, a6);
        a7 = multiplyAdd(v, w4, a7);
      }
      from += pixel;
      if (!isBoolean<Border>() || <u32>(left + 12) < <u32>width) {
        const v = v128.load(from);
        a6 = multiplyAdd(v, w6, a6);
        a7 = multiplyAdd(v, w5, a7);
      }
      from += pixel;
      if (!isBoolean<Border>() || <u32>(left + 13) < <u32>width) {
        const v = v128.load(from);
        a7 = multiplyAdd(v, w6, a7);
      }

      start += line;
      w += 112;
    }
    let to = out;
    v128.store(to, a0);
    to += pixel;
    if (count > 1) v128.store(to, a1);
    to += pixel;
    if (count > 2) v128.store(to, a2);
    to += pixel;
    if (count > 3) v128.store(to, a3);
    to += pixel;
    if (count > 4) v128.store(to, a4);
    to += pixel;
    if (count > 5) v128.store(to, a5);
    to += pixel;
    if (count > 6) v128.store(to, a6);
    to += pixel;
    if (count > 7) v128.store(to, a7);
    bias += 16;
    corner += 16;
    kernel += 784;
    out += 16;
  }
}

/** A 3 x 3 kernel with stride 1 and padding 1. Computes rows `begin` to `end`. */
export function depthwise3(
  x: usize,
  weight: usize,
  bias: usize,
  y: usize,
  height: i32,
  width: i32,
  channels: i32,
  activation: i32,
  begin: i32,
  end: i32,
): void {
  for (let row = begin; row < end; row++) {
    for (let first = 0; first < width; first += 4) {
      if (first >= 1 && first + 5 <= width) {
        tile3<i32>(x, weight, bias, y, height, width, channels, row, first);
      } else {
        tile3<bool>(x, weight, bias, y, height, width, channels, row, first);
      }
    }
    const size = width * channels;
    activateInPlace(y + ((<usize>(row * size)) << 2), size, activation);
  }
}

/** 4 output pixels of row y from column `first`, for all channels. `Border` is
 * bool where the window may leave the map, and columns outside are skipped. */
function tile3<Border>(
  x: usize,
  weight: usize,
  bias: usize,
  y: usize,
  height: i32,
  width: i32,
  channels: i32,
  row: i32,
  first: i32,
): void {
  const pixel = (<usize>channels) << 2;
  const line = pixel * <usize>width;
  const top = max(0, 1 - row);
  const bottom = min(3, height + 1 - row);
  const left = first - 1;
  const count = isBoolean<Border>() ? min(4, width - first) : 4;
  let corner = x + <usize>((row + top - 1) * width + left) * pixel;
  let kernel = weight + <usize>(top * 48);
  let out = y + <usize>(row * width + first) * pixel;
  for (let c = 0; c < channels; c += 4) {
    let a0 = v128.load(bias);
    let a1 = a0;
    let a2 = a0;
    let a3 = a0;
    let start = corner;
    let w = kernel;
    for (let u = top; u < bottom; u++) {
      const w0 = v128.load(w, 0);
      const w1 = v128.load(w, 16);
      const w2 = v128.load(w, 32);
      let from = start;
      if (!isBoolean<Border>() || <u32>(left + 0) < <u32>width) {
        const v = v128.load(from);
        a0 = multiplyAdd(v, w0, a0);
      }
      from += pixel;
      if (!isBoolean<Border>() || <u32>(left + 1) < <u32>width) {
        const v = v128.load(from);
        a0 = multiplyAdd(v, w1, a0);
        a1 = multiplyAdd(v, w0, a1);
      }
      from += pixel;
      if (!isBoolean<Border>() || <u32>(left + 2) < <u32>width) {
        const v = v128.load(from);
        a0 = multiplyAdd(v, w2, a0);
        a1 = multiplyAdd(v, w1, a1);
        a2 = multiplyAdd(v, w0, a2);
      }
      from += pixel;
      if (!isBoolean<Border>() || <u32>(left + 3) < <u32>width) {
        const v = v128.load(from);
        a1 = multiplyAdd(v, w2, a1);
        a2 = multiplyAdd(v, w1, a2);
        a3 = multiplyAdd(v, w0, a3);
      }
      from += pixel;
      if (!isBoolean<Border>() || <u32>(left + 4) < <u32>width) {
        const v = v128.load(from);
        a2 = multiplyAdd(v, w2, a2);
        a3 = multiplyAdd(v, w1, a3);
      }
      from += pixel;
      if (!isBoolean<Border>() || <u32>(left + 5) < <u32>width) {
        const v = v128.load(from);
        a3 = multiplyAdd(v, w2, a3);
      }

      start += line;
      w += 48;
    }
    let to = out;
    v128.store(to, a0);
    to += pixel;
    if (count > 1) v128.store(to, a1);
    to += pixel;
    if (count > 2) v128.store(to, a2);
    to += pixel;
    if (count > 3) v128.store(to, a3);
    bias += 16;
    corner += 16;
    kernel += 144;
    out += 16;
  }
}

/**
 * Any kernel, stride and padding. Output channel c reads the input channel
 * floor(c / multiplier), where the multiplier is 1 or 2. `weight` and `bias` hold
 * the outputs of four input channels one after another: [channels / 4, kernel
 * height, kernel width, multiplier, 4] and [channels / 4, multiplier, 4], where the
 * inner 4 have the same c mod multiplier. Computes output rows `begin` to `end`.
 */
export function depthwiseStrided(
  x: usize,
  weight: usize,
  bias: usize,
  y: usize,
  height: i32,
  width: i32,
  channels: i32,
  outWidth: i32,
  multiplier: i32,
  kernelHeight: i32,
  kernelWidth: i32,
  strideY: i32,
  strideX: i32,
  padTop: i32,
  padLeft: i32,
  activation: i32,
  begin: i32,
  end: i32,
): void {
  const pixel = (<usize>channels) << 2;
  const outLine = outWidth * channels * multiplier;
  const taps = (<usize>(kernelWidth * multiplier)) << 4;
  for (let row = begin; row < end; row++) {
    const above = row * strideY - padTop;
    const top = max(0, -above);
    const bottom = min(kernelHeight, height - above);
    const out = y + ((<usize>(row * outLine)) << 2);
    for (let first = 0; first < outWidth; first += 4) {
      const left = first * strideX - padLeft;
      const corner = x + <usize>((above + top) * width + left) * pixel;
      const kernel = weight + <usize>top * taps;
      const to = out + <usize>(first * multiplier) * pixel;
      const count = min(4, outWidth - first);
      if (multiplier == 1) {
        stridedTile<i32>(
          corner,
          kernel,
          bias,
          to,
          width,
          channels,
          kernelHeight,
          kernelWidth,
          strideX,
          bottom - top,
          left,
          count,
        );
      } else {
        stridedTile<bool>(
          corner,
          kernel,
          bias,
          to,
          width,
          channels,
          kernelHeight,
          kernelWidth,
          strideX,
          bottom - top,
          left,
          count,
        );
      }
    }
    activateInPlace(out, outLine, activation);
  }
}

/** Four output pixels, for all channels. `Double` is bool for the multiplier 2. */
function stridedTile<Double>(
  corner: usize,
  kernel: usize,
  bias: usize,
  to: usize,
  width: i32,
  channels: i32,
  kernelHeight: i32,
  kernelWidth: i32,
  stride: i32,
  rows: i32,
  left: i32,
  count: i32,
): void {
  const pixel = (<usize>channels) << 2;
  const line = pixel * <usize>width;
  const step = pixel * <usize>stride;
  const multiplier: usize = isBoolean<Double>() ? 2 : 1;
  const outPixel = pixel * multiplier;
  const size = (<usize>(kernelHeight * kernelWidth) * multiplier) << 4;
  const inside =
    left >= 0 && count == 4 && left + 3 * stride + kernelWidth <= width;
  for (let c = 0; c < channels; c += 4) {
    let a0 = v128.load(bias);
    let a1 = a0;
    let a2 = a0;
    let a3 = a0;
    let b0 = isBoolean<Double>() ? v128.load(bias, 16) : a0;
    let b1 = b0;
    let b2 = b0;
    let b3 = b0;
    let start = corner;
    let w = kernel;
    for (let u = 0; u < rows; u++) {
      let from = start;
      for (let v = 0; v < kernelWidth; v++) {
        const even = v128.load(w);
        const odd = isBoolean<Double>() ? v128.load(w, 16) : even;
        w += multiplier << 4;
        const column = left + v;
        if (inside || <u32>column < <u32>width) {
          const value = v128.load(from);
          a0 = multiplyAdd(value, even, a0);
          if (isBoolean<Double>()) b0 = multiplyAdd(value, odd, b0);
        }
        if (inside || <u32>(column + stride) < <u32>width) {
          const value = v128.load(from + step);
          a1 = multiplyAdd(value, even, a1);
          if (isBoolean<Double>()) b1 = multiplyAdd(value, odd, b1);
        }
        if (inside || <u32>(column + 2 * stride) < <u32>width) {
          const value = v128.load(from + 2 * step);
          a2 = multiplyAdd(value, even, a2);
          if (isBoolean<Double>()) b2 = multiplyAdd(value, odd, b2);
        }
        if (inside || <u32>(column + 3 * stride) < <u32>width) {
          const value = v128.load(from + 3 * step);
          a3 = multiplyAdd(value, even, a3);
          if (isBoolean<Double>()) b3 = multiplyAdd(value, odd, b3);
        }
        from += pixel;
      }
      start += line;
    }
    storeSums<Double>(to, a0, b0);
    if (count > 1) storeSums<Double>(to + outPixel, a1, b1);
    if (count > 2) storeSums<Double>(to + 2 * outPixel, a2, b2);
    if (count > 3) storeSums<Double>(to + 3 * outPixel, a3, b3);
    bias += multiplier << 4;
    corner += 16;
    kernel += size;
    to += multiplier << 4;
  }
}

/** Stores the sums of a pixel; with the multiplier 2, channels alternate. */
function storeSums<Double>(to: usize, even: v128, odd: v128): void {
  if (isBoolean<Double>()) {
    v128.store(to, v128.shuffle<f32>(even, odd, 0, 4, 1, 5));
    v128.store(to, v128.shuffle<f32>(even, odd, 2, 6, 3, 7), 16);
  } else {
    v128.store(to, even);
  }
}
