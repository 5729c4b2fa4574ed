import { describe, expect, test } from "vitest";
import { noise } from "../../kernels/testing/random";
import {
  gelu,
  relu,
  sigmoid,
  tanhGelu,
} from "../webgpu/graphs/scalar-functions";
import { runKernel } from "./testing/run-kernel";

const padded = (channels: number) => Math.ceil(channels / 4) * 4;

/** Rows of `columns` numbers, padded with zeros to a multiple of 4. */
function rowsOf(rows: number, columns: number, seed: number): Float32Array {
  const width = padded(columns);
  return noise(rows * width, seed).map((value, i) =>
    i % width < columns ? value : 0,
  );
}

function expectClose(ours: Float32Array, right: ArrayLike<number>): void {
  expect(ours.length).toBe(right.length);
  const off = ours.reduce(
    (most, value, i) => Math.max(most, Math.abs(value - (right[i] ?? NaN))),
    0,
  );
  expect(off).toBeLessThan(1e-5);
}

/** Sums in float64; `at` is 0 outside of the map. */
const sum = (count: number, term: (i: number) => number): number => {
  let total = 0;
  for (let i = 0; i < count; i++) total += term(i);
  return total;
};

describe.each([
  ["relaxed SIMD", true],
  ["SIMD", false],
])("%s", (_, relaxed) => {
  test.each([
    [7, 13, 5],
    [6, 4, 8],
    [1, 8, 20],
    [1, 12, 90],
    [50, 12, 16],
  ])(
    "multiplies %d rows of %d by %d columns",
    async (rows, inputs, outputs) => {
      const [k, n] = [padded(inputs), padded(outputs)];
      const x = rowsOf(rows, inputs, 1);
      const matrix = noise(inputs * outputs, 2);
      const bias = rowsOf(1, outputs, 3);
      const residual = rowsOf(rows, outputs, 4);
      const panels = new Float32Array(Math.ceil(n / 8) * 8 * k);
      matrix.forEach((value, i) => {
        const [row, column] = [Math.floor(i / outputs), i % outputs];
        const panel = Math.floor(column / 8);
        panels[(panel * k + row) * 8 + (column % 8)] = value;
      });
      const right = Float64Array.from(residual, (value, i) => {
        const [row, column] = [Math.floor(i / n), i % n];
        if (column >= outputs) return 0;
        const product = sum(
          inputs,
          (j) =>
            (x[row * k + j] ?? NaN) * (matrix[j * outputs + column] ?? NaN),
        );
        return value + gelu(product + (bias[column] ?? NaN));
      });
      const y = new Float32Array(rows * n);
      const count = Math.ceil(rows / 12) * Math.ceil(n / 8);
      const args = [x, panels, bias, residual, y, rows, k, n, 12, 1];
      await runKernel("productFloat", relaxed, args, 0, count);
      expectClose(y, right);
    },
  );

  interface Window {
    readonly height: number;
    readonly width: number;
    readonly channels: number;
    readonly multiplier: number;
    readonly kernel: readonly [number, number];
    readonly strides: readonly [number, number];
    readonly pads: readonly [number, number, number, number];
  }

  function convolve(
    { height, width, channels, multiplier, kernel, strides, pads }: Window,
    x: Float32Array,
    weight: Float32Array,
    bias: Float32Array,
  ) {
    const [kernelHeight, kernelWidth] = kernel;
    const taps = kernelHeight * kernelWidth;
    const [top, left, bottom, right] = pads;
    const outHeight =
      Math.floor((height + top + bottom - kernelHeight) / strides[0]) + 1;
    const outWidth =
      Math.floor((width + left + right - kernelWidth) / strides[1]) + 1;
    const outputs = channels * multiplier;
    const y = new Float64Array(outHeight * outWidth * outputs);
    y.forEach((_value, at) => {
      const c = at % outputs;
      const j = Math.floor(at / outputs) % outWidth;
      const i = Math.floor(at / outputs / outWidth);
      y[at] =
        (bias[c] ?? NaN) +
        sum(taps, (tap) => {
          const row = i * strides[0] - top + Math.floor(tap / kernelWidth);
          const column = j * strides[1] - left + (tap % kernelWidth);
          const inside =
            row >= 0 && row < height && column >= 0 && column < width;
          const from =
            (row * width + column) * channels + Math.floor(c / multiplier);
          return inside
            ? (x[from] ?? NaN) * (weight[c * taps + tap] ?? NaN)
            : 0;
        });
    });
    return { y, outHeight, outWidth };
  }

  /** [outputs, taps] as the kernels read it. */
  function packed(weight: Float32Array, taps: number, multiplier: number) {
    const result = new Float32Array(weight.length);
    weight.forEach((value, i) => {
      const [c, tap] = [Math.floor(i / taps), i % taps];
      const input = Math.floor(c / multiplier);
      const group = Math.floor(input / 4) * taps + tap;
      result[(group * multiplier + (c % multiplier)) * 4 + (input % 4)] = value;
    });
    return result;
  }

  test.each([
    [7, 1, 1, 4],
    [7, 5, 8, 8],
    [7, 9, 23, 12],
    [3, 1, 2, 4],
    [3, 6, 7, 8],
  ] as const)(
    "convolves with %d x %d kernels a map of %d x %d pixels",
    async (size, height, width, channels) => {
      const pad = (size - 1) / 2;
      const window = {
        height,
        width,
        channels,
        multiplier: 1,
        kernel: [size, size],
        strides: [1, 1],
        pads: [pad, pad, pad, pad],
      } as const;
      const x = noise(height * width * channels, 1);
      const weight = noise(size * size * channels, 2);
      const bias = noise(channels, 3);
      const { y: right } = convolve(window, x, weight, bias);
      const y = new Float32Array(x.length);
      const args = [
        x,
        packed(weight, size * size, 1),
        bias,
        y,
        height,
        width,
        channels,
        0,
      ];
      await runKernel(
        size === 7 ? "depthwise7" : "depthwise3",
        relaxed,
        args,
        0,
        height,
      );
      expectClose(y, right);
    },
  );

  test.each([
    [1, [3, 3], [2, 2], [1, 1, 1, 1]],
    [2, [7, 7], [2, 2], [3, 3, 3, 3]],
    [2, [3, 3], [1, 1], [1, 1, 1, 1]],
    [1, [4, 5], [4, 3], [0, 1, 2, 0]],
  ] as const)(
    "convolves with the multiplier %d, kernel %j and strides %j",
    async (multiplier, kernel, strides, pads) => {
      const window = {
        height: 11,
        width: 13,
        channels: 8,
        multiplier,
        kernel,
        strides,
        pads,
      };
      const taps = kernel[0] * kernel[1];
      const outputs = window.channels * multiplier;
      const x = noise(11 * 13 * 8, 1);
      const weight = noise(taps * outputs, 2);
      const bias = noise(outputs, 3);
      const {
        y: sums,
        outHeight,
        outWidth,
      } = convolve(window, x, weight, bias);
      const y = new Float32Array(sums.length);
      const [[kernelHeight, kernelWidth], [strideY, strideX]] = [
        kernel,
        strides,
      ];
      const args = [
        ...[
          x,
          packed(weight, taps, multiplier),
          packed(bias, 1, multiplier),
          y,
        ],
        ...[11, 13, 8, outWidth, multiplier, kernelHeight, kernelWidth],
        ...[strideY, strideX, pads[0], pads[1], 3],
      ];
      await runKernel("depthwiseStrided", relaxed, args, 0, outHeight);
      expectClose(y, sums.map(relu));
    },
  );

  test("attends to all pixels", async () => {
    const [pixels, heads, width, scale] = [13, 2, 16, 0.3];
    const channels = heads * width;
    const x = noise(pixels * channels * 3, 1).map((value) => value * 3);
    const at = (pixel: number, part: number, column: number) =>
      x[(pixel * 3 + part) * channels + column] ?? NaN;
    const right = new Float64Array(pixels * channels);
    for (let head = 0; head < heads; head++) {
      const first = head * width;
      for (let i = 0; i < pixels; i++) {
        const scores = Array.from({ length: pixels }, (_value, j) =>
          Math.exp(
            scale *
              sum(width, (d) => at(i, 0, first + d) * at(j, 1, first + d)),
          ),
        );
        const total = sum(pixels, (j) => scores[j] ?? NaN);
        for (let d = 0; d < width; d++) {
          right[i * channels + first + d] =
            sum(pixels, (j) => (scores[j] ?? NaN) * at(j, 2, first + d)) /
            total;
        }
      }
    }
    const y = new Float32Array(pixels * channels);
    const scratch = new Float32Array(heads * (width + 4) * 16);
    const [q, k, v] = [0, 1, 2].map((part) => x.slice(part * channels));
    const stride = 3 * channels;
    const args = [
      q ?? x,
      stride,
      k ?? x,
      stride,
      v ?? x,
      stride,
      y,
      channels,
      scratch,
      pixels,
      width,
      scale,
    ];
    await runKernel("mapAttention", relaxed, args, 0, heads);
    expectClose(y, right);
  });

  test("normalises the channels of each pixel", async () => {
    const [pixels, used, channels] = [5, 10, 12];
    const x = rowsOf(pixels, used, 1);
    const [scale, shift] = [rowsOf(1, used, 2), rowsOf(1, used, 3)];
    const right = Float64Array.from(x, (value, i) => {
      const c = i % channels;
      const row = x.subarray(i - c, i - c + used);
      const mean = sum(used, (j) => row[j] ?? NaN) / used;
      const variance = sum(used, (j) => ((row[j] ?? NaN) - mean) ** 2) / used;
      const normal = (value - mean) / Math.sqrt(variance + 1e-5);
      return c < used ? normal * (scale[c] ?? NaN) + (shift[c] ?? NaN) : 0;
    });
    const y = new Float32Array(x.length);
    await runKernel(
      "layerNorm",
      relaxed,
      [x, scale, shift, y, channels, used, 1e-5],
      0,
      pixels,
    );
    expectClose(y, right);
  });

  test.each([
    [0, 1, gelu],
    [1, 2, tanhGelu],
    [2, 4, sigmoid],
    [3, 5, (n: number) => n * sigmoid(n)],
  ] as const)(
    "combines maps, operation %d",
    async (operation, activation, apply) => {
      const [pixels, channels] = [7, 8];
      const a = noise(pixels * channels, 1);
      const onePixel = noise(channels, 2).map((value) => value + 2);
      const oneChannel = rowsOf(pixels, 1, 3);
      const apart = [
        (p: number, q: number) => p + q,
        (p: number, q: number) => p - q,
        (p: number, q: number) => p * q,
        (p: number, q: number) => p / q,
      ][operation];
      const y = new Float32Array(a.length);
      await runKernel(
        "combine",
        relaxed,
        [operation, a, 0, onePixel, 1, y, channels, activation],
        0,
        pixels,
      );
      expectClose(
        y,
        Float64Array.from(a, (value, i) =>
          apply(apart?.(value, onePixel[i % channels] ?? NaN) ?? NaN),
        ),
      );
      await runKernel(
        "combine",
        relaxed,
        [0, oneChannel, 2, a, 0, y, channels, 0],
        0,
        pixels,
      );
      expectClose(
        y,
        Float64Array.from(
          a,
          (value, i) =>
            value + (oneChannel[Math.floor(i / channels) * 4] ?? NaN),
        ),
      );
    },
  );

  test("scales, averages and orders maps", async () => {
    const [pixels, channels] = [9, 8];
    const x = noise(pixels * channels, 1);
    const [scale, shift] = [noise(channels, 2), noise(channels, 3)];
    const y = new Float32Array(x.length);
    await runKernel(
      "scaleAndShift",
      relaxed,
      [x, scale, shift, y, channels, 0],
      0,
      pixels,
    );
    expectClose(
      y,
      Float64Array.from(
        x,
        (value, i) =>
          value * (scale[i % channels] ?? NaN) + (shift[i % channels] ?? NaN),
      ),
    );
    const mean = new Float32Array(channels);
    await runKernel("meanOfPixels", relaxed, [x, mean, pixels, channels], 0, 2);
    expectClose(
      mean,
      Float64Array.from(
        mean,
        (_value, c) => sum(pixels, (p) => x[p * channels + c] ?? NaN) / pixels,
      ),
    );
    const planes = noise(3 * pixels, 4);
    const map = new Float32Array(4 * pixels);
    await runKernel(
      "planesToMap",
      relaxed,
      [planes, map, pixels, 3],
      0,
      pixels,
    );
    expectClose(
      map,
      Float64Array.from(map, (_value, i) =>
        i % 4 < 3 ? (planes[(i % 4) * pixels + Math.floor(i / 4)] ?? NaN) : 0,
      ),
    );
  });

  test("collects windows", async () => {
    const [height, width] = [5, 4];
    const map = rowsOf(height * width, 3, 1);
    const [outHeight, outWidth, rowSize] = [3, 2, 28];
    const y = new Float32Array(outHeight * outWidth * rowSize);
    const args = [
      map,
      y,
      height,
      width,
      4,
      3,
      outWidth,
      rowSize,
      3,
      3,
      2,
      2,
      1,
      1,
    ];
    await runKernel("windows", relaxed, args, 0, outHeight);
    const right = Float64Array.from(y, (_value, at) => {
      const [pixel, column] = [Math.floor(at / rowSize), at % rowSize];
      const [u, v] = [Math.floor(column / 9), Math.floor(column / 3) % 3];
      const i = Math.floor(pixel / outWidth) * 2 - 1 + u;
      const j = (pixel % outWidth) * 2 - 1 + v;
      const inside = i >= 0 && i < height && j >= 0 && j < width && column < 27;
      return inside ? (map[(i * width + j) * 4 + (column % 3)] ?? NaN) : 0;
    });
    expectClose(y, right);
  });
});

test("keeps NaN and follows the functions far from zero", async () => {
  const x = Float32Array.of(NaN, Infinity, -100, -6, -4, 3.9, 5, 90);
  const ones = new Float32Array(8).fill(1);
  for (const [activation, apply] of [
    [1, gelu],
    [2, tanhGelu],
    [3, (n: number) => (Number.isNaN(n) ? n : relu(n))],
    [4, sigmoid],
    [5, (n: number) => n * sigmoid(n)],
  ] as const) {
    const y = new Float32Array(8);
    const shift = new Float32Array(8);
    await runKernel(
      "scaleAndShift",
      true,
      [x, ones, shift, y, 8, activation],
      0,
      1,
    );
    expect(y[0]).toBeNaN();
    x.forEach((value, i) => {
      if (!Number.isFinite(value)) return;
      const right = apply(value);
      const error =
        Math.abs((y[i] ?? NaN) - right) / Math.max(1, Math.abs(right));
      expect(error).toBeLessThan(2e-6);
    });
  }
});
