import {
  convolutionSize,
  type Convolution,
} from "../../../kernels/convolution";
import { depthwiseVariants } from "../../../kernels/depthwise";
import { planesVariants } from "../../../kernels/planes";
import {
  alike,
  epilogueOf,
  holds,
  typeOf,
  wordsOf,
  type Operation,
} from "./operation";
import type { Program, Range } from "./program";

/** The runtime's `GroupedConv` where each channel is by itself. */
export function depthwiseOf(program: Program): Operation | undefined {
  if (program.label !== "GroupedConv") return undefined;
  const { reads, writes, uniforms } = program;
  const output = writes.get("output");
  const [x, w, bias] = [reads.get("x"), reads.get("w"), reads.get("b")];
  const of = windowOf(program, uniforms.get("output_shape"), bias);
  if (!of || !x || !w || !output) return undefined;
  const [, , , inputs = 0] = uniforms.get("x_shape") ?? [];
  const [, , each] = uniforms.get("w_shape") ?? [];
  const multiplier = of.channels / inputs;
  if (each !== 1 || !Number.isInteger(multiplier)) return undefined;
  const counts = [
    of.width * of.height * inputs,
    of.kernel ** 2 * of.channels,
    of.outWidth * of.outHeight * of.channels,
  ];
  if (!holds([x, w, output], of.type, counts)) return undefined;
  return {
    ...convolution("depthwise", of, inputs, [x, w, bias ?? w, output]),
    variants: (limits) => depthwiseVariants({ ...of, multiplier }, limits),
  };
}

/** The runtime's `Conv2dMM` of a few planes that `picture` holds. */
export function planesOf(
  program: Program,
  picture: Range,
): Operation | undefined {
  if (program.label !== "Conv2dMM") return undefined;
  const { reads, writes, uniforms } = program;
  const output = writes.get("result");
  const [w, bias] = [reads.get("w"), reads.get("bias")];
  const of = windowOf(program, uniforms.get("result_shape"), bias);
  if (!of || !w || !output) return undefined;
  const [, , , planes = 0] = uniforms.get("x_shape") ?? [];
  const counts = [
    planes * of.width * of.height,
    of.kernel ** 2 * planes * of.channels,
    of.outWidth * of.outHeight * of.channels,
  ];
  if (!holds([picture, w, output], of.type, counts)) return undefined;
  return {
    ...convolution("planes", of, planes, [picture, w, bias ?? w, output]),
    variants: (limits) => planesVariants({ ...of, planes }, limits),
  };
}

function convolution(
  what: string,
  of: Convolution,
  inputs: number,
  ranges: readonly [x: Range, w: Range, bias: Range, y: Range],
): Omit<Operation, "variants"> {
  const { width, height, channels, kernel, stride, left, top, type } = of;
  const places = alike(of.outWidth * of.outHeight);
  const window = `${what} ${kernel}/${stride} -${left}-${top}`;
  const words = `${inputs} to ${channels} ${wordsOf(of, type)}`;
  const name = `${window} of ${width} x ${height} x ${words}`;
  const kind = `${window} to ${places} places x ${words}`;
  const [input, , , output] = ranges;
  const size = convolutionSize(of);
  const results = of.outWidth * of.outHeight * channels;
  const varied = [input];
  const outputs = [output];
  return { name, kind, type, size, ranges, varied, outputs, results };
}

/** Undefined where the window is not square, dilated, or not of one picture. */
function windowOf(
  program: Program,
  outShape: readonly number[] | undefined,
  bias: Range | undefined,
): Convolution | undefined {
  const { uniforms } = program;
  const [batch, height = 0, width = 0] = uniforms.get("x_shape") ?? [];
  const [kernel = 0, kernelX, , columns = 0] = uniforms.get("w_shape") ?? [];
  const [, outHeight = 0, outWidth = 0] = outShape ?? [];
  const [stride = 0, strideX] = uniforms.get("strides") ?? [];
  const [top = 0, left = 0] = uniforms.get("pads") ?? [];
  const dilations = uniforms.get("dilations") ?? [];
  const activation = epilogueOf(program);
  const type = typeOf(program);
  if (!activation || !type || batch !== 1) return undefined;
  if (kernel !== kernelX || stride !== strideX) return undefined;
  if (dilations.some((dilation) => dilation !== 1)) return undefined;
  // The last of a shape counts vectors where the shader has vectors.
  const vectors = /\bw: array<vec4</.test(program.code) ? 4 : 1;
  return {
    ...{ width, height, outWidth, outHeight, channels: columns * vectors },
    ...{ kernel, stride, left, top, type, activation },
    bias: bias !== undefined,
  };
}
