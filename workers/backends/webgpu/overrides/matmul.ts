import {
  pointwiseSize,
  pointwiseVariants,
  type Pointwise,
} from "../../../kernels/pointwise";
import {
  alike,
  epilogueOf,
  holds,
  typeOf,
  wordsOf,
  type Operation,
} from "./operation";
import type { Program, Range } from "./program";

/** A product that has not yet been given what is added to it. */
export interface MatMul {
  readonly shape: Pointwise;
  readonly x: Range;
  readonly w: Range;
  readonly bias: Range | undefined;
  readonly output: Range;
}

/** The runtime's `MatMul` or `Gemm` of any number of rows by one matrix. */
export function productOf(program: Program): MatMul | undefined {
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

/** The product with `skip` added, written to `output`; or as it is. */
export function productOperation(
  product: MatMul,
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
    outputs: [output],
    results: rows * columns,
  };
}
