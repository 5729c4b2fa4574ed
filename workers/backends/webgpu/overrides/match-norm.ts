import { normUniform, normVariants, type Norm } from "../../../kernels/norm";
import { rangesHold, roundedRows, type Operation } from "./operation";
import {
  floatUniformOf,
  isCentered,
  storageTypeOf,
  uniformOf,
  type BufferRange,
  type ShaderProgram,
} from "./ort-shader";

/** Matches ORT's `LayerNorm`, with or without mean and bias. */
export function matchNorm(program: ShaderProgram): Operation | undefined {
  const { label, reads, writes } = program;
  const [x, scale] = [reads.get("x"), reads.get("scale")];
  const [y, bias] = [writes.get("y"), reads.get("bias")];
  if (label !== "LayerNorm" || writes.size !== 1) return undefined;
  const rows = uniformOf(program, "norm_count");
  const width = uniformOf(program, "norm_size");
  if (!x || !scale || !y || !rows || !width) return undefined;
  return operationOf(program, { rows, width }, { x, scale, bias, y });
}

/** Matches ORT's `SkipLayerNorm` where both terms have as many rows. */
export function matchSkipNorm(program: ShaderProgram): Operation | undefined {
  const { label, reads, writes } = program;
  const [x, skip] = [reads.get("x"), reads.get("skip")];
  const [scale, bias] = [reads.get("gamma"), reads.get("beta")];
  const y = writes.get("output");
  const sums = writes.get("input_skip_bias_sum");
  // Our kernel has no bias in the sum, and no other outputs.
  const others = reads.has("bias") || writes.size !== (sums ? 2 : 1);
  if (label !== "SkipLayerNorm" || others) return undefined;
  const width = uniformOf(program, "hidden_size");
  const size = uniformOf(program, "skip_size");
  if (!x || !skip || !scale || !y || !width || !size) return undefined;
  const rows = size / width;
  if (!Number.isInteger(rows)) return undefined;
  const ranges = { x, skip, scale, bias, y, sums };
  return operationOf(program, { rows, width }, ranges);
}

interface NormRanges {
  readonly x: BufferRange;
  readonly skip?: BufferRange;
  readonly scale: BufferRange;
  readonly bias: BufferRange | undefined;
  readonly y: BufferRange;
  readonly sums?: BufferRange | undefined;
}

function operationOf(
  program: ShaderProgram,
  { rows, width }: Pick<Norm, "rows" | "width">,
  { x, skip, scale, bias, y, sums }: NormRanges,
): Operation | undefined {
  const type = storageTypeOf(program);
  const epsilon = floatUniformOf(program, "epsilon");
  if (!type || epsilon === undefined) return undefined;
  const norm: Norm = {
    ...{ rows, width, epsilon, type },
    centered: isCentered(program),
    skip: skip !== undefined,
    sums: sums !== undefined,
    bias: bias !== undefined,
  };
  const results = rows * width;
  const outputs = sums === undefined ? [y] : [y, sums];
  const noisy = skip === undefined ? [x] : [x, skip];
  const all = [...outputs, ...noisy].map((range) => [range, results] as const);
  if (!rangesHold(type, ...all)) return undefined;
  const extras = (["centered", "skip", "sums", "bias"] as const)
    .filter((name) => norm[name])
    .join(" ");
  return {
    name: `norm of ${rows} x ${width} ${extras} ${type}`,
    kind: `norm of ${roundedRows(rows)} x ${width} ${extras} ${type}`,
    type,
    multiplyAdds: 0,
    variants: (limits) => normVariants(norm, limits),
    uniform: normUniform(norm),
    ranges: [x, skip ?? x, scale, bias ?? scale, y],
    ...{ noisy, outputs },
    results: outputs.map(() => results),
  };
}
