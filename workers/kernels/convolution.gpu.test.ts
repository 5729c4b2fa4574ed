import { expect, test } from "vitest";
import type { Activation } from "./epilogue";
import { convolutionUniform, type Convolution } from "./convolution";
import { convolutionReference, type Layout } from "./convolution.reference";
import { depthwiseConvolutionVariants } from "./depthwise-convolution";
import { planarConvolutionVariants } from "./planar-convolution";
import { maxAbsDifference, runVariant } from "./testing/run-variant";
import { useDevice } from "./testing/gpu";
import type { KernelVariant } from "./kernel-variant";
import { noise } from "./testing/random";

let device: GPUDevice;

useDevice((opened) => {
  device = opened;
});

/** "Same" padding: an odd pixel is added at the end. */
function windowOf(
  [width, height]: readonly [number, number],
  channels: number,
  kernel: number,
  stride: number,
  activation: Activation = "none",
): Convolution {
  const size = (kernel - 1) / 2;
  return {
    width,
    height,
    channels,
    kernel,
    stride,
    outWidth: Math.ceil(width / stride),
    outHeight: Math.ceil(height / stride),
    left: size,
    top: size,
    type: "float32",
    bias: activation !== "none",
    activation,
  };
}

async function check(
  of: Convolution,
  variants: readonly KernelVariant[],
  inputs: number,
  weights: number,
  layout: Layout,
): Promise<void> {
  const data = {
    x: noise(of.width * of.height * inputs, 1),
    w: noise(of.kernel ** 2 * weights, 2),
    bias: noise(of.channels, 3),
  };
  const expected = convolutionReference(of, data, layout);
  expect(variants.length).toBeGreaterThan(0);
  for (const variant of variants) {
    const y = await runVariant(
      device,
      variant,
      [data.x, data.w, data.bias],
      expected.length,
      convolutionUniform(of),
    );
    expect(maxAbsDifference(y, expected), variant.kernel.label).toBeLessThan(
      1e-5,
    );
  }
}

const depthwise = [
  [windowOf([13, 9], 12, 7, 1, "gelu"), 1],
  [windowOf([8, 8], 20, 3, 1), 1],
  [windowOf([17, 11], 8, 7, 2), 2],
  [windowOf([16, 16], 136, 3, 2, "gelu"), 1],
  [windowOf([5, 7], 8, 5, 1, "relu"), 4],
  [windowOf([1, 3], 4, 9, 1), 1],
  [{ ...windowOf([19, 10], 8, 3, 3), left: 0, top: 2 }, 2],
] as const;

for (const [of, multiplier] of depthwise) {
  const { width, height, channels, kernel, stride } = of;
  const title = `${width} x ${height}, ${channels} channels, ${kernel}/${stride}, ${multiplier} of each`;
  test(title, async () => {
    const inputs = channels / multiplier;
    await check(
      of,
      depthwiseConvolutionVariants({ ...of, multiplier }, device.limits),
      inputs,
      channels,
      {
        inputs: 1,
        x: (row, column, _, c) =>
          (row * width + column) * inputs + Math.floor(c / multiplier),
        w: (i, j, _, c) => (i * kernel + j) * channels + c,
      },
    );
  });
}

const planarShapes = [
  [windowOf([14, 10], 16, 3, 2, "gelu"), 3],
  [windowOf([7, 9], 4, 5, 1), 1],
  [windowOf([33, 3], 36, 7, 2, "gelu"), 4],
] as const;

for (const [of, planes] of planarShapes) {
  const { width, height, channels, kernel, stride } = of;
  const title = `${planes} planes of ${width} x ${height} to ${channels} channels, ${kernel}/${stride}`;
  test(title, async () => {
    await check(
      of,
      planarConvolutionVariants({ ...of, planes }, device.limits),
      planes,
      planes * channels,
      {
        inputs: planes,
        x: (row, column, plane) => (plane * height + row) * width + column,
        w: (i, j, plane, c) =>
          ((i * kernel + j) * planes + plane) * channels + c,
      },
    );
  });
}

test("has no variants for unsupported shapes", () => {
  const { limits } = device;
  const of = windowOf([9, 9], 12, 3, 1);
  expect(
    depthwiseConvolutionVariants({ ...of, multiplier: 3 }, limits),
  ).toEqual([]);
  expect(planarConvolutionVariants({ ...of, planes: 5 }, limits)).toEqual([]);
  const odd = windowOf([9, 9], 6, 3, 1);
  expect(
    depthwiseConvolutionVariants({ ...odd, multiplier: 1 }, limits),
  ).toEqual([]);
});
