import { convolutionSize, type Convolution } from "../kernels/convolution";
import {
  describeEpilogue,
  type Activation,
  type Epilogue,
} from "../kernels/epilogue";
import { depthwiseVariants } from "../kernels/depthwise";
import { planesVariants } from "../kernels/planes";
import {
  pointwiseSize,
  pointwiseVariants,
  type Pointwise,
} from "../kernels/pointwise";
import type { Stored } from "../kernels/stored";
import type { Variant } from "../kernels/variant";
import type { Program, Range } from "./substitute-program";

/** What a command of the runtime computes, in terms of our kernels. */
export interface Operation {
  readonly name: string;
  /** Operations alike: what is chosen for one is chosen for all. */
  readonly kind: string;
  readonly type: Stored;
  readonly variants: (limits: GPUSupportedLimits) => Variant[];
  readonly size: Uint32Array<ArrayBuffer>;
  /** As our kernel binds them; the last is written. */
  readonly ranges: readonly Range[];
  /** What a trial fills with noise: all that is no weight. */
  readonly varied: readonly Range[];
  /** What a trial writes elsewhere, as the runtime's commands expect it. */
  readonly given?: readonly {
    readonly range: Range;
    readonly words: readonly number[];
  }[];
  readonly output: Range;
  /** Numbers in the result. */
  readonly results: number;
}

/** A product that has not yet been given what is added to it. */
export interface Product {
  readonly shape: Pointwise;
  readonly x: Range;
  readonly w: Range;
  readonly bias: Range | undefined;
  readonly output: Range;
}

/** The runtime's `MatMul` or `Gemm` of any number of rows by one matrix. */
export function productOf(program: Program): Product | undefined {
  const { label, reads, writes, uniforms } = program;
  if (label !== "MatMul" && label !== "Gemm") return undefined;
  const [x, w] = [reads.get("a"), reads.get("b")];
  const bias = reads.get(label === "Gemm" ? "c" : "bias");
  const output = writes.get("output");
  const [rows = 0] = uniforms.get("dim_a_outer") ?? [];
  const [inner = 0] = uniforms.get("dim_inner") ?? [];
  const [columns = 0] = uniforms.get("dim_b_outer") ?? [];
  const activation = epilogueOf(program);
  const type = typeOf(program);
  if (!x || !w || !output || !activation || !type) return undefined;
  if (!isPlain(program)) return undefined;
  const shape = {
    ...{ rows, inner, columns, type, skip: false },
    ...{ activation, bias: bias !== undefined },
  };
  return holds([x, w, output], type, [
    rows * inner,
    inner * columns,
    rows * columns,
  ])
    ? { shape, x, w, bias, output }
    : undefined;
}

const ONE = new Uint32Array(Float32Array.of(1).buffer)[0];

/** One matrix by another, neither turned nor scaled, in one go. */
function isPlain({ label, uniforms }: Program): boolean {
  const first = (name: string) => uniforms.get(name)?.[0];
  if (label === "MatMul") {
    const splits = first("splits_per_batch") ?? 1;
    return first("output_shape") === 1 && splits === 1;
  }
  const upright =
    first("a_shape") === first("dim_a_outer") &&
    first("b_shape") === first("dim_inner");
  // A bias for each column; of anything else the shape has two numbers.
  const bias = uniforms.get("c_shape");
  const simple = bias === undefined || (bias.length === 1 && bias[0] !== 1);
  return upright && simple && first("alpha") === ONE && first("beta") === ONE;
}

/** Prompts have any number of rows; one trial serves those up to four times as
 * many, among which the same tiles fit. */
export function alike(rows: number): number {
  const few = [1, 3, 7, 31].find((most) => rows <= most);
  return few ?? 2 * 4 ** (Math.floor(Math.log2(rows / 2) / 2) + 1) - 1;
}

/** The product with `skip` added, written to `output`; or as it is. */
export function productOperation(
  product: Product,
  skip?: Range,
  output = product.output,
): Operation {
  const { x, w, bias } = product;
  const shape = { ...product.shape, skip: skip !== undefined };
  const { rows, inner, columns, type } = shape;
  const words = wordsOf(shape, type);
  return {
    name: `${rows} x ${inner} x ${columns} ${words}`,
    kind: `${alike(rows)} x ${inner} x ${columns} ${words}`,
    type,
    variants: (limits) => pointwiseVariants(shape, limits),
    size: pointwiseSize(shape),
    ranges: [x, w, bias ?? w, skip ?? x, output],
    varied: skip === undefined ? [x] : [x, skip],
    output,
    results: rows * columns,
  };
}

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
  const name = [
    ...[`${what} ${kernel}/${stride} -${left}-${top}`],
    ...[`${width} x ${height} x ${inputs} to ${channels}`],
    wordsOf(of, type),
  ].join(" ");
  const [input, , , output] = ranges;
  const size = convolutionSize(of);
  const results = of.outWidth * of.outHeight * channels;
  const varied = [input];
  return { name, kind: name, type, size, ranges, varied, output, results };
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

function wordsOf(of: Epilogue, type: Stored): string {
  return [...describeEpilogue(of), type].join(" ");
}

/** Undefined for what our kernels do not have. */
function epilogueOf({ code }: Program): Activation | undefined {
  const assigned = code.matchAll(/^\s*value = (?!value \+ |get_)(.*);$/gm);
  const [activation = "", ...others] = [...assigned].map(([, text = ""]) =>
    text.replace(/\w+_(?:value|element)_t|vec4<\w+>|[() ]/g, ""),
  );
  return others.length === 0 ? ACTIVATIONS[activation] : undefined;
}

/** As the runtime writes them, without types, brackets and blanks. */
const ACTIVATIONS: Readonly<Record<string, Activation>> = {
  "": "none",
  "maxvalue,0": "relu",
  "1/1+exp-value": "sigmoid",
  "0.5*value*1+fused_act_erfvalue*0.70710677": "gelu",
};

/** Of the buffers of those names, or of all. */
export function typeOf(
  { code }: Program,
  names?: readonly string[],
): Stored | undefined {
  const types = code.matchAll(
    /var<storage, read\w*> (\w+): array<([\w<>]+)>;/g,
  );
  const scalars = [...types]
    .filter(([, name = ""]) => names?.includes(name) ?? true)
    .map(([, , type = ""]) => type.replace(/vec\d<(\w+)>/, "$1"));
  if (scalars.every((scalar) => scalar === "f32")) return "float32";
  return scalars.every((scalar) => scalar === "f16") ? "float16" : undefined;
}

function holds(
  ranges: readonly Range[],
  type: Stored,
  counts: readonly number[],
): boolean {
  const bytes = type === "float32" ? 4 : 2;
  return ranges.every(({ size }, i) => {
    const needed = (counts[i] ?? 0) * bytes;
    return needed > 0 && size >= needed;
  });
}
