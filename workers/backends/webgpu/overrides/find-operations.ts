import { matchAttention, matchSplitAttention } from "./match-attention";
import { matchDepthwise, matchPlanar } from "./match-convolution";
import { matchMatMul, matMulOperation } from "./match-matmul";
import { matchGatedQ4, matchMatMulQ4 } from "./match-q4";
import { matchNorm, matchSkipNorm } from "./match-norm";
import type { Operation } from "./operation";
import {
  covers,
  overlap,
  uniformOf,
  type BufferRange,
  type ShaderProgram,
} from "./ort-shader";
import { lifetimeOf, type RecordedStep } from "./tensor-lifetime";

/** Consecutive steps that one kernel of ours can replace. */
export interface OperationMatch {
  readonly first: number;
  readonly count: number;
  readonly operation: Operation;
  /** An earlier step whose result is not needed any more. */
  readonly unneeded?: number;
}

/** Finds the operations in `steps`, in order. `external`: buffers that are read
 * outside the steps. */
export function findOperations(
  steps: readonly RecordedStep[],
  external: ReadonlySet<GPUBuffer>,
): OperationMatch[] {
  const matches: OperationMatch[] = [];
  for (let first = 0; first < steps.length; first++) {
    const program = steps[first]?.program;
    if (program === undefined) continue;
    const match =
      findMatMul(steps, first, program, external) ??
      findConvolution(steps, first, program, external) ??
      findAttention(steps, first, program) ??
      findAlone(first, program);
    if (match === undefined || hasConflict(match.operation)) continue;
    matches.push(match);
    first += match.count - 1;
  }
  return matches;
}

/** WebGPU forbids a dispatch to read and write the same buffer. */
function hasConflict({ ranges, outputs }: Operation): boolean {
  const read = ranges.slice(0, -1);
  return outputs.some(({ buffer }, i) => {
    const others = [...read, ...outputs.slice(i + 1)];
    return others.some((other) => other.buffer === buffer);
  });
}

/** A product, together with the sum behind it where that is its only use. */
function findMatMul(
  steps: readonly RecordedStep[],
  first: number,
  program: ShaderProgram,
  external: ReadonlySet<GPUBuffer>,
): OperationMatch | undefined {
  const product = matchMatMul(program);
  if (product === undefined) return undefined;
  const next = steps[first + 1]?.program;
  const fused =
    next &&
    isOnlyUse(steps, first, product.output, external) &&
    skipOf(next, product.output, product.shape.rows * product.shape.columns);
  if (fused) {
    const operation = matMulOperation(product, fused.skip, fused.sum);
    if (!hasConflict(operation)) return { first, count: 2, operation };
  }
  return { first, count: 1, operation: matMulOperation(product) };
}

/** What ORT's `Add` adds to `term`, if both are `count` numbers that are not
 * broadcast. */
function skipOf(
  program: ShaderProgram,
  term: BufferRange,
  count: number,
): { readonly skip: BufferRange; readonly sum: BufferRange } | undefined {
  if (program.label !== "Add") return undefined;
  const sum = program.writes.get("output");
  const terms = [...program.reads.values()];
  const others = terms.filter((other) => !covers(term, other));
  const [skip] = others;
  if (sum === undefined || skip === undefined) return undefined;
  if (terms.length !== 2 || others.length !== 1) return undefined;
  // A sum that broadcasts a term has shapes in its uniforms.
  const names = [...program.uniforms.keys()];
  if (names.some((name) => name.includes("shape"))) return undefined;
  const size = 4 * (uniformOf(program, "vec_size") ?? 0);
  const sameSize = skip.size === term.size && sum.size === term.size;
  return size === count && sameSize ? { skip, sum } : undefined;
}

function isOnlyUse(
  steps: readonly RecordedStep[],
  index: number,
  range: BufferRange,
  external: ReadonlySet<GPUBuffer>,
): boolean {
  const { complete, readers } = lifetimeOf(steps, index, range);
  return complete && readers.length === 1 && !external.has(range.buffer);
}

function findConvolution(
  steps: readonly RecordedStep[],
  first: number,
  program: ShaderProgram,
  external: ReadonlySet<GPUBuffer>,
): OperationMatch | undefined {
  const depthwise = matchDepthwise(program);
  if (depthwise) return { first, count: 1, operation: depthwise };
  const x = program.reads.get("x");
  if (x === undefined) return undefined;
  // ORT transposes planes before Conv2dMM; our kernel reads the planes.
  const before = lastWriter(steps, first, x);
  const transpose = steps[before]?.program;
  const [image] = transpose?.reads.values() ?? [];
  if (transpose?.label !== "Transpose" || image === undefined) return undefined;
  const operation = matchPlanar(program, image);
  const unchanged = steps
    .slice(before + 1, first)
    .every((step) => step.program && !writesTo(step, image));
  if (operation === undefined || !unchanged) return undefined;
  const unneeded = isOnlyUse(steps, before, x, external);
  return { first, count: 1, operation, ...(unneeded && { unneeded: before }) };
}

function findAttention(
  steps: readonly RecordedStep[],
  first: number,
  program: ShaderProgram,
): OperationMatch | undefined {
  const whole = matchAttention(program);
  if (whole) return { first, count: 1, operation: whole };
  const split = matchSplitAttention(steps, first);
  return split && { first, count: 2, operation: split };
}

/** An operation that is one command of ORT's. */
function findAlone(
  first: number,
  program: ShaderProgram,
): OperationMatch | undefined {
  const operation =
    matchMatMulQ4(program) ??
    matchGatedQ4(program) ??
    matchNorm(program) ??
    matchSkipNorm(program);
  return operation && { first, count: 1, operation };
}

function lastWriter(
  steps: readonly RecordedStep[],
  index: number,
  range: BufferRange,
): number {
  return steps.slice(0, index).findLastIndex((step) => writesTo(step, range));
}

function writesTo({ program }: RecordedStep, range: BufferRange): boolean {
  const writes = [...(program?.writes.values() ?? [])];
  return writes.some((write) => overlap(write, range));
}
