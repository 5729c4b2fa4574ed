import {
  matMulUniform,
  matMulVariants,
  type MatMulShape,
} from "../../../kernels/matmul";
import {
  describeShape,
  rangesHold,
  roundedRows,
  type Operation,
} from "./operation";
import {
  activationOf,
  storageTypeOf,
  uniformOf,
  type BufferRange,
  type ShaderProgram,
} from "./ort-shader";

/** A matrix product; something may be added to it by the next command. */
interface MatMulMatch {
  readonly shape: MatMulShape;
  readonly x: BufferRange;
  readonly w: BufferRange;
  readonly bias: BufferRange | undefined;
  readonly output: BufferRange;
}

/** Matches ORT's `MatMul` and `Gemm` of any number of rows by one matrix. */
export function matchMatMul(program: ShaderProgram): MatMulMatch | undefined {
  const { label, reads, writes } = program;
  if (label !== "MatMul" && label !== "Gemm") return undefined;
  const [x, w] = [reads.get("a"), reads.get("b")];
  const bias = reads.get(label === "Gemm" ? "c" : "bias");
  const output = writes.get("output");
  const rows = uniformOf(program, "dim_a_outer");
  const inner = uniformOf(program, "dim_inner");
  const columns = uniformOf(program, "dim_b_outer");
  const activation = activationOf(program);
  const type = storageTypeOf(program);
  if (!rows || !inner || !columns) return undefined;
  if (!x || !w || !output || !activation || !type) return undefined;
  if (!isSimple(program)) return undefined;
  const sizes = { rows, inner, columns, type };
  const shape = { ...sizes, activation, bias: bias !== undefined, skip: false };
  const fits = rangesHold(
    type,
    [x, rows * inner],
    [w, inner * columns],
    [output, rows * columns],
  );
  return fits ? { shape, x, w, bias, output } : undefined;
}

const ONE = new Uint32Array(Float32Array.of(1).buffer)[0];

/** Whether neither factor is transposed, scaled, batched or split. */
function isSimple(program: ShaderProgram): boolean {
  const first = (name: string) => uniformOf(program, name);
  if (program.label === "MatMul") {
    // Left out where the product is not split.
    const splits = first("splits_per_batch") ?? 1;
    return first("output_shape") === 1 && splits === 1;
  }
  const untransposed =
    first("a_shape") === first("dim_a_outer") &&
    first("b_shape") === first("dim_inner");
  // One bias per column; the shape of any other C has two numbers.
  const bias = program.uniforms.get("c_shape");
  const perColumn = bias === undefined || (bias.length === 1 && bias[0] !== 1);
  const unscaled = first("alpha") === ONE && first("beta") === ONE;
  return untransposed && perColumn && unscaled;
}

/** The product, with `skip` added if it is given. */
export function matMulOperation(
  match: MatMulMatch,
  skip?: BufferRange,
  output = match.output,
): Operation {
  const { x, w, bias } = match;
  const shape = { ...match.shape, skip: skip !== undefined };
  const { rows, inner, columns, type } = shape;
  const rest = `${inner} x ${columns} ${describeShape(shape, type)}`;
  return {
    name: `${rows} x ${rest}`,
    kind: `${roundedRows(rows)} x ${rest}`,
    type,
    multiplyAdds: rows * inner * columns,
    variants: (limits) => matMulVariants(shape, limits),
    uniform: matMulUniform(shape),
    ranges: [x, w, bias ?? w, skip ?? x, output],
    noisy: skip === undefined ? [x] : [x, skip],
    outputs: [output],
    results: [rows * columns],
  };
}
