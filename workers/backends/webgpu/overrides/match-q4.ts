import {
  gatedQ4Uniform,
  gatedQ4Variants,
  type GatedQ4Shape,
} from "../../../kernels/gated-q4";
import {
  matMulQ4Uniform,
  matMulQ4Variants,
  type MatMulQ4Shape,
} from "../../../kernels/matmul-q4";
import { rangesHold, roundedRows, type Operation } from "./operation";
import {
  floatUniformOf,
  storageTypeOf,
  uniformOf,
  type BufferRange,
  type ShaderProgram,
} from "./ort-shader";

/** Matches ORT's `MatMulNBits` with weights of 4 bits and activations that are not
 * quantized. */
export function matchMatMulQ4(program: ShaderProgram): Operation | undefined {
  const { reads, writes } = program;
  const sizes = sizesOf(program);
  const [x, w] = [reads.get("input_a"), reads.get("input_b")];
  const scales = reads.get("scales_b") ?? reads.get("scales");
  const [zeros, bias] = [reads.get("zero_points"), reads.get("bias")];
  const output = writes.get("output");
  if (!sizes || !x || !w || !scales || !output) return undefined;
  const { rows, inner, columns, blockSize, type } = sizes;
  const shape: MatMulQ4Shape = {
    ...sizes,
    zeros: zeros !== undefined,
    bias: bias !== undefined,
  };
  const fits =
    rangesHold(type, [x, rows * inner], [output, rows * columns]) &&
    weightsFit(shape, w, scales);
  if (!fits) return undefined;
  const extras = [...(zeros ? ["zeros"] : []), ...(bias ? ["bias"] : [])];
  const rest = [
    `${inner} x ${columns} q4 in ${blockSize}`,
    ...extras,
    type,
  ].join(" ");
  return {
    name: `${rows} x ${rest}`,
    kind: `${roundedRows(rows)} x ${rest}`,
    type,
    multiplyAdds: rows * inner * columns,
    variants: (limits) => matMulQ4Variants(shape, limits),
    uniform: matMulQ4Uniform(shape),
    ranges: [x, w, scales, zeros ?? w, bias ?? scales, output],
    noisy: [x],
    outputs: [output],
    results: [rows * columns],
  };
}

type Sizes = Omit<MatMulQ4Shape, "zeros" | "bias">;

function sizesOf(program: ShaderProgram): Sizes | undefined {
  const { label } = program;
  const number = (name: string) => uniformOf(program, name) ?? 0;
  const type = storageTypeOf(program, [
    "input_a",
    "scales",
    "scales_b",
    "bias",
    "output",
  ]);
  if (type === undefined || !hasFourBits(program)) return undefined;
  const [rows, columns] = [number("M"), number("N")];
  if (rows * columns === 0 || number("weight_idx") !== 0) return undefined;
  if (label === "MatMulNBits") {
    const [inner, blockSize] = [number("K"), number("block_size")];
    if (number("batch_count") !== 1 || inner * blockSize === 0)
      return undefined;
    return { rows, inner, columns, blockSize, type };
  }
  // It has blocks of 32 only.
  if (label !== "MatMulNBitsWideTile" || number("Batch") !== 1)
    return undefined;
  const inner = 4 * number("K_of_a");
  return { rows, inner, columns, blockSize: 32, type };
}

/**
 * Matches ORT's `MatMulNBitsMlpDecode`: a sum, its norm, and a gated layer of one
 * row.
 */
export function matchGatedQ4(program: ShaderProgram): Operation | undefined {
  const { label, reads, writes } = program;
  const number = (name: string) => uniformOf(program, name) ?? 0;
  const [x, skip] = [reads.get("input_a"), reads.get("skip")];
  const gamma = reads.get("norm_scale");
  const [gate, gateScales] = [reads.get("gate_b"), reads.get("gate_scales_b")];
  const [up, upScales] = [reads.get("up_b"), reads.get("up_scales_b")];
  const [output, sums] = [
    writes.get("output"),
    writes.get("input_skip_bias_sum"),
  ];
  // With a bias it has more inputs.
  const isPlain = reads.size === 7 && number("batch_count") === 1;
  if (label !== "MatMulNBitsMlpDecode" || !isPlain) return undefined;
  if (!x || !skip || !gamma || !gate || !gateScales) return undefined;
  if (!up || !upScales || !output || !sums) return undefined;
  const type = storageTypeOf(program, [
    ...["input_a", "skip", "norm_scale", "gate_scales_b", "up_scales_b"],
    ...["output", "input_skip_bias_sum"],
  ]);
  const epsilon = floatUniformOf(program, "epsilon");
  const [inner, columns] = [number("K"), number("N")];
  const blockSize = number("block_size");
  if (!type || epsilon === undefined || !hasFourBits(program)) return undefined;
  if (blockSize === 0 || number("skip_size") !== inner) return undefined;
  const shape: GatedQ4Shape = { inner, columns, blockSize, epsilon, type };
  const rows = [x, skip, gamma, sums].map((range) => [range, inner] as const);
  const fits =
    rangesHold(type, [output, columns], ...rows) &&
    weightsFit(shape, gate, gateScales) &&
    weightsFit(shape, up, upScales);
  if (!fits) return undefined;
  const name = `gated 1 x ${inner} x ${columns} q4 in ${blockSize} ${type}`;
  return {
    ...{ name, kind: name, type },
    multiplyAdds: 2 * inner * columns,
    variants: (limits) => gatedQ4Variants(shape, limits),
    uniform: gatedQ4Uniform(shape),
    ranges: [x, skip, gamma, gate, gateScales, up, upScales, output],
    noisy: [x, skip],
    outputs: [output, sums],
    results: [columns, inner],
  };
}

/** Weights of 8 and 2 bits have other masks. */
function hasFourBits({ code }: ShaderProgram): boolean {
  return code.includes("0x0F0F0F0Fu");
}

function weightsFit(
  {
    inner,
    columns,
    blockSize,
    type,
  }: Pick<MatMulQ4Shape, "inner" | "columns" | "blockSize" | "type">,
  weights: BufferRange,
  scales: BufferRange,
): boolean {
  const blocks = columns * Math.ceil(inner / blockSize);
  return (
    weights.size >= (blocks * blockSize) / 2 &&
    rangesHold(type, [scales, blocks])
  );
}
