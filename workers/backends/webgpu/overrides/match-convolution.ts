import {
  convolutionUniform,
  type Convolution,
} from "../../../kernels/convolution";
import { depthwiseConvolutionVariants } from "../../../kernels/depthwise-convolution";
import { planarConvolutionVariants } from "../../../kernels/planar-convolution";
import {
  describeShape,
  rangesHold,
  roundedRows,
  type Operation,
} from "./operation";
import {
  activationOf,
  readsVectors,
  storageTypeOf,
  type BufferRange,
  type ShaderProgram,
} from "./ort-shader";

/** Matches ORT's `GroupedConv` with one input channel per group. */
export function matchDepthwise(program: ShaderProgram): Operation | undefined {
  if (program.label !== "GroupedConv") return undefined;
  const { reads, writes, uniforms } = program;
  const output = writes.get("output");
  const [x, w, bias] = [reads.get("x"), reads.get("w"), reads.get("b")];
  const shape = convolutionOf(program, uniforms.get("output_shape"), bias);
  const channels = uniforms.get("x_shape")?.[3];
  if (!shape || !x || !w || !output || !channels) return undefined;
  const inputsPerGroup = uniforms.get("w_shape")?.[2];
  const multiplier = shape.channels / channels;
  if (inputsPerGroup !== 1 || !Number.isInteger(multiplier)) return undefined;
  const fits = rangesHold(
    shape.type,
    [x, shape.width * shape.height * channels],
    [w, shape.kernel ** 2 * shape.channels],
    [output, shape.outWidth * shape.outHeight * shape.channels],
  );
  if (!fits) return undefined;
  return {
    ...operationOf("depthwise", shape, channels, [x, w, bias ?? w, output]),
    multiplyAdds: windowSizes(shape),
    variants: (limits) =>
      depthwiseConvolutionVariants({ ...shape, multiplier }, limits),
  };
}

/** Matches ORT's `Conv2dMM`, whose input was transposed from the planes in
 * `image`. */
export function matchPlanar(
  program: ShaderProgram,
  image: BufferRange,
): Operation | undefined {
  if (program.label !== "Conv2dMM") return undefined;
  const { reads, writes, uniforms } = program;
  const output = writes.get("result");
  const [w, bias] = [reads.get("w"), reads.get("bias")];
  const shape = convolutionOf(program, uniforms.get("result_shape"), bias);
  const planes = uniforms.get("x_shape")?.[3];
  if (!shape || !w || !output || !planes) return undefined;
  const fits = rangesHold(
    shape.type,
    [image, planes * shape.width * shape.height],
    [w, shape.kernel ** 2 * planes * shape.channels],
    [output, shape.outWidth * shape.outHeight * shape.channels],
  );
  if (!fits) return undefined;
  return {
    ...operationOf("planes", shape, planes, [image, w, bias ?? w, output]),
    multiplyAdds: planes * windowSizes(shape),
    variants: (limits) =>
      planarConvolutionVariants({ ...shape, planes }, limits),
  };
}

/** The elements of one input channel that all outputs read. */
function windowSizes(shape: Convolution): number {
  const { outWidth, outHeight, channels, kernel } = shape;
  return outWidth * outHeight * channels * kernel ** 2;
}

function operationOf(
  label: string,
  shape: Convolution,
  inputs: number,
  ranges: readonly [
    x: BufferRange,
    w: BufferRange,
    bias: BufferRange,
    y: BufferRange,
  ],
): Omit<Operation, "variants" | "multiplyAdds"> {
  const { width, height, channels, kernel, stride, left, top, type } = shape;
  const places = roundedRows(shape.outWidth * shape.outHeight);
  const window = `${label} ${kernel}/${stride} -${left}-${top}`;
  const rest = `${inputs} to ${channels} ${describeShape(shape, type)}`;
  const [input, , , output] = ranges;
  return {
    name: `${window} of ${width} x ${height} x ${rest}`,
    kind: `${window} to ${places} places x ${rest}`,
    type,
    uniform: convolutionUniform(shape),
    ranges,
    noisy: [input],
    outputs: [output],
    results: [shape.outWidth * shape.outHeight * channels],
  };
}

/** Undefined for a window that is not square, or dilated, and for a batch. */
function convolutionOf(
  program: ShaderProgram,
  outShape: readonly number[] | undefined,
  bias: BufferRange | undefined,
): Convolution | undefined {
  const { uniforms } = program;
  const [batch, height, width] = uniforms.get("x_shape") ?? [];
  const [kernel, kernelX, , columns] = uniforms.get("w_shape") ?? [];
  const [, outHeight, outWidth] = outShape ?? [];
  const [stride, strideX] = uniforms.get("strides") ?? [];
  const [top, left] = uniforms.get("pads") ?? [];
  const dilations = uniforms.get("dilations") ?? [];
  const activation = activationOf(program);
  const type = storageTypeOf(program);
  if (!activation || !type || batch !== 1) return undefined;
  if (!width || !height || !outWidth || !outHeight) return undefined;
  if (!kernel || !stride || !columns) return undefined;
  if (top === undefined || left === undefined) return undefined;
  if (kernel !== kernelX || stride !== strideX) return undefined;
  if (dilations.some((dilation) => dilation !== 1)) return undefined;
  // The last dimension counts vectors where the shader reads vectors.
  const channels = columns * (readsVectors(program, "w") ? 4 : 1);
  return {
    ...{ width, height, outWidth, outHeight, channels },
    ...{ kernel, stride, left, top, type, activation },
    bias: bias !== undefined,
  };
}
