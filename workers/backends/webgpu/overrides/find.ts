import { attentionOf, splitAttentionOf } from "./attention";
import { normOf, skipNormOf } from "./norm";
import { lifeOf, type Step } from "./lifetime";
import { covers, overlap, type Program, type Range } from "./program";
import { depthwiseOf, planesOf } from "./convolution";
import type { Operation } from "./operation";
import { productOf, productOperation } from "./matmul";

/** Steps beside one another that one operation of ours does. */
export interface Match {
  readonly first: number;
  readonly count: number;
  readonly operation: Operation;
  /** An earlier step whose result nobody needs any more. */
  readonly spared?: number;
}

/** Where our kernels could stand, first to last. `kept`: buffers that others
 * than the steps read. */
export function findMatches(
  steps: readonly Step[],
  kept: ReadonlySet<GPUBuffer>,
): Match[] {
  const matches: Match[] = [];
  for (let first = 0; first < steps.length; first++) {
    const match =
      matchProduct(steps, first, kept) ??
      matchConvolution(steps, first, kept) ??
      matchAttention(steps, first) ??
      matchNorm(steps, first);
    if (match === undefined || clashes(match.operation)) continue;
    matches.push(match);
    first += match.count - 1;
  }
  return matches;
}

/** No buffer may be read and written in one dispatch. */
function clashes({ ranges, outputs }: Operation): boolean {
  const read = ranges.slice(0, -1);
  return outputs.some(({ buffer }, i) => {
    const others = [...read, ...outputs.slice(i + 1)];
    return others.some((other) => other.buffer === buffer);
  });
}

function matchProduct(
  steps: readonly Step[],
  first: number,
  kept: ReadonlySet<GPUBuffer>,
): Match | undefined {
  const program = steps[first]?.program;
  const product = program && productOf(program);
  if (product === undefined) return undefined;
  const next = steps[first + 1]?.program;
  const sum = next?.label === "Add" ? next.writes.get("output") : undefined;
  const terms = next === undefined ? [] : [...next.reads.values()];
  const mine = terms.filter((term) => covers(product.output, term));
  const [skip, ...others] = terms.filter((term) => !mine.includes(term));
  const life = lifeOf(steps, first, product.output);
  const alone =
    mine.length === 1 &&
    others.length === 0 &&
    life.whole &&
    life.readers.length === 1 &&
    !kept.has(product.output.buffer);
  const { rows, columns } = product.shape;
  const plain = next !== undefined && addsEach(next, rows * columns);
  if (alone && plain && sum && skip && sameSize(product.output, skip, sum)) {
    const operation = productOperation(product, skip, sum);
    if (!clashes(operation)) return { first, count: 2, operation };
  }
  return { first, count: 1, operation: productOperation(product) };
}

/** A sum of as many numbers each; one that repeats a term has shapes, too. */
function addsEach({ uniforms }: Program, count: number): boolean {
  const [vectors = 0] = uniforms.get("vec_size") ?? [];
  const names = [...uniforms.keys()];
  return 4 * vectors === count && !names.some((name) => /shape/.test(name));
}

function sameSize(...ranges: readonly Range[]): boolean {
  return ranges.every(({ size }) => size === ranges[0]?.size);
}

function matchConvolution(
  steps: readonly Step[],
  first: number,
  kept: ReadonlySet<GPUBuffer>,
): Match | undefined {
  const program = steps[first]?.program;
  if (program === undefined) return undefined;
  const depthwise = depthwiseOf(program);
  if (depthwise) return { first, count: 1, operation: depthwise };
  const x = program.reads.get("x");
  if (x === undefined) return undefined;
  const before = lastWriter(steps, first, x);
  const turning = steps[before]?.program;
  const [picture] = turning?.reads.values() ?? [];
  if (turning?.label !== "Transpose" || picture === undefined) return undefined;
  const operation = planesOf(program, picture);
  const life = lifeOf(steps, before, x);
  const untouched = steps
    .slice(before + 1, first)
    .every((step) => step.program && !writesTo(step, picture));
  if (operation === undefined || !untouched) return undefined;
  const spare = life.whole && life.readers.length === 1 && !kept.has(x.buffer);
  return { first, count: 1, operation, ...(spare && { spared: before }) };
}

function matchAttention(
  steps: readonly Step[],
  first: number,
): Match | undefined {
  const program = steps[first]?.program;
  const whole = program && attentionOf(program);
  if (whole !== undefined) return { first, count: 1, operation: whole };
  const split = splitAttentionOf(steps, first);
  return split && { first, count: 2, operation: split };
}

function matchNorm(steps: readonly Step[], first: number): Match | undefined {
  const program = steps[first]?.program;
  const operation = program && (normOf(program) ?? skipNormOf(program));
  return operation && { first, count: 1, operation };
}

function lastWriter(
  steps: readonly Step[],
  index: number,
  range: Range,
): number {
  return steps.slice(0, index).findLastIndex((step) => writesTo(step, range));
}

function writesTo({ program }: Step, range: Range): boolean {
  const writes = [...(program?.writes.values() ?? [])];
  return writes.some((write) => overlap(write, range));
}
