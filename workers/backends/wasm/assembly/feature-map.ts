/**
 * Steps between convolutions, on maps [pixels, channels] with channels padded to a
 * multiple of 4. Padding is zero. `channels` counts it unless stated otherwise.
 */
import { activateInPlace } from "./math";
import { multiplyAdd, sumLanes } from "./simd";

/**
 * y[p, c] = x[c, p]: planes as a map. `channels` without padding, at most 4.
 * Computes pixels `begin` to `end`.
 */
export function planesToMap(
  x: usize,
  y: usize,
  pixels: i32,
  channels: i32,
  begin: i32,
  end: i32,
): void {
  const plane = (<usize>pixels) << 2;
  for (let pixel = begin; pixel < end; pixel++) {
    let from = x + ((<usize>pixel) << 2);
    const to = y + ((<usize>pixel) << 4);
    v128.store(to, f32x4.splat(0));
    for (let c = 0; c < channels; c++) {
      store<f32>(to + ((<usize>c) << 2), load<f32>(from));
      from += plane;
    }
  }
}

/**
 * y[p, (u, v, c)] = x[i · s - pad + u, j · s - pad + v, c]: the windows of a
 * convolution without groups as rows of a product. `used` is the number of channels
 * without padding; `rowSize` is kernel height · kernel width · used, padded.
 * Computes rows of windows `begin` to `end`.
 */
export function windows(
  x: usize,
  y: usize,
  height: i32,
  width: i32,
  channels: i32,
  used: i32,
  outWidth: i32,
  rowSize: i32,
  kernelHeight: i32,
  kernelWidth: i32,
  strideY: i32,
  strideX: i32,
  padTop: i32,
  padLeft: i32,
  begin: i32,
  end: i32,
): void {
  const pixel = (<usize>channels) << 2;
  const bytes = (<usize>used) << 2;
  for (let row = begin; row < end; row++) {
    for (let column = 0; column < outWidth; column++) {
      let to = y + ((<usize>((row * outWidth + column) * rowSize)) << 2);
      const next = to + ((<usize>rowSize) << 2);
      for (let u = 0; u < kernelHeight; u++) {
        const i = row * strideY - padTop + u;
        for (let v = 0; v < kernelWidth; v++) {
          const j = column * strideX - padLeft + v;
          const inside = <u32>i < <u32>height && <u32>j < <u32>width;
          const from = x + <usize>(i * width + j) * pixel;
          if (to + pixel <= next) {
            // Whole vectors; the next position overwrites the padding.
            for (let at: usize = 0; at < pixel; at += 16) {
              const value = inside ? v128.load(from + at) : f32x4.splat(0);
              v128.store(to + at, value);
            }
          } else {
            for (let at: usize = 0; at < bytes; at += 4) {
              store<f32>(to + at, inside ? load<f32>(from + at) : 0);
            }
          }
          to += bytes;
        }
      }
      for (; to < next; to += 4) store<f32>(to, 0);
    }
  }
}

/** y[c] = Σ x[p, c] / pixels. Computes groups of 4 channels `begin` to `end`. */
export function meanOfPixels(
  x: usize,
  y: usize,
  pixels: i32,
  channels: i32,
  begin: i32,
  end: i32,
): void {
  const pixel = (<usize>channels) << 2;
  const share = f32x4.splat(1 / <f32>pixels);
  for (let group = begin; group < end; group++) {
    const offset = (<usize>group) << 4;
    let from = x + offset;
    let sum = f32x4.splat(0);
    for (let i = 0; i < pixels; i++) {
      sum = f32x4.add(sum, v128.load(from));
      from += pixel;
    }
    v128.store(y + offset, f32x4.mul(sum, share));
  }
}

/** y[p, c] = act(x[p, c] · scale[c] + shift[c]). Computes pixels `begin` to `end`. */
export function scaleAndShift(
  x: usize,
  scale: usize,
  shift: usize,
  y: usize,
  channels: i32,
  activation: i32,
  begin: i32,
  end: i32,
): void {
  const pixel = (<usize>channels) << 2;
  const from = x + <usize>begin * pixel;
  const to = y + <usize>begin * pixel;
  for (let i = begin, start: usize = 0; i < end; i++, start += pixel) {
    for (let at: usize = 0; at < pixel; at += 16) {
      const value = v128.load(from + start + at);
      const result = multiplyAdd(
        value,
        v128.load(scale + at),
        v128.load(shift + at),
      );
      v128.store(to + start + at, result);
    }
  }
  activateInPlace(to, (end - begin) * channels, activation);
}

/** How an operand of `combine` has its values. */
const enum Operand {
  Map,
  OnePixel,
  OneChannel,
}

const enum Operation {
  Add,
  Subtract,
  Multiply,
  Divide,
}

/**
 * y[p, c] = act(a[p, c] ∘ b[p, c]), where an operand may have one pixel or one
 * channel for all. Computes pixels `begin` to `end`.
 */
export function combine(
  operation: i32,
  a: usize,
  kindOfA: i32,
  b: usize,
  kindOfB: i32,
  y: usize,
  channels: i32,
  activation: i32,
  begin: i32,
  end: i32,
): void {
  const pixel = (<usize>channels) << 2;
  for (let i = begin; i < end; i++) {
    const to = y + <usize>i * pixel;
    for (let at: usize = 0; at < pixel; at += 16) {
      const left = operandAt(a, kindOfA, i, pixel, at);
      const right = operandAt(b, kindOfB, i, pixel, at);
      v128.store(to + at, applied(operation, left, right));
    }
  }
  const first = y + <usize>begin * pixel;
  activateInPlace(first, (end - begin) * channels, activation);
}

function operandAt(x: usize, kind: i32, i: i32, pixel: usize, at: usize): v128 {
  if (kind == Operand.OnePixel) return v128.load(x + at);
  if (kind == Operand.Map) return v128.load(x + <usize>i * pixel + at);
  // One channel, padded to 4.
  return v128.load32_splat(x + ((<usize>i) << 4));
}

function applied(operation: i32, a: v128, b: v128): v128 {
  switch (operation) {
    case Operation.Add:
      return f32x4.add(a, b);
    case Operation.Subtract:
      return f32x4.sub(a, b);
    case Operation.Multiply:
      return f32x4.mul(a, b);
    default:
      return f32x4.div(a, b);
  }
}

/**
 * y[p, c] = (x[p, c] - m) / √(v + epsilon) · scale[c] + shift[c] with the mean m
 * and the variance v of the channels of a pixel. `used` is the number of channels
 * without padding. Computes pixels `begin` to `end`.
 */
export function layerNorm(
  x: usize,
  scale: usize,
  shift: usize,
  y: usize,
  channels: i32,
  used: i32,
  epsilon: f32,
  begin: i32,
  end: i32,
): void {
  const pixel = (<usize>channels) << 2;
  const padding = <f32>(channels - used);
  for (let i = begin; i < end; i++) {
    const from = x + <usize>i * pixel;
    const to = y + <usize>i * pixel;
    let sum = f32x4.splat(0);
    for (let at: usize = 0; at < pixel; at += 16) {
      sum = f32x4.add(sum, v128.load(from + at));
    }
    const mean = sumLanes(sum) / <f32>used;
    const means = f32x4.splat(mean);
    let squares = f32x4.splat(0);
    for (let at: usize = 0; at < pixel; at += 16) {
      const centred = f32x4.sub(v128.load(from + at), means);
      squares = multiplyAdd(centred, centred, squares);
    }
    const total = sumLanes(squares) - padding * mean * mean;
    const factor = f32x4.splat(1 / sqrt<f32>(total / <f32>used + epsilon));
    for (let at: usize = 0; at < pixel; at += 16) {
      const centred = f32x4.sub(v128.load(from + at), means);
      const result = multiplyAdd(
        f32x4.mul(centred, factor),
        v128.load(scale + at),
        v128.load(shift + at),
      );
      v128.store(to + at, result);
    }
  }
}
