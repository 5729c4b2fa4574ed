/** Weights of the layers, made of those in the files piece by piece. */
import { toHalf } from "../../../util/float16";
import { linesOf, numbersOfKernel, runOf, type Kernel } from "./vision-kernel";
import type { PerChannel, Term } from "./vision-layers";
import { computed, stacked, UnsupportedGraph, type Weight } from "./weight";

export type Float = "float32" | "float16";

const BYTES = { float32: 4, float16: 2 };

export function encoded(type: Float, numbers: ArrayLike<number>): Uint8Array {
  const floats = Float32Array.from(numbers);
  return new Uint8Array(
    type === "float16" ? toHalf(floats).buffer : floats.buffer,
  );
}

export function vector(
  name: string,
  type: Float,
  numbers: PerChannel,
  count: number,
): Weight {
  const all =
    typeof numbers === "number"
      ? new Float64Array(count).fill(numbers)
      : numbers;
  const facts = { name, type, dims: [count] };
  return computed(facts, count * BYTES[type], () => inType(type, [all]));
}

async function* inType(
  type: Float,
  parts: Iterable<Float64Array> | AsyncIterable<Float64Array>,
): AsyncGenerator<Uint8Array> {
  for await (const part of parts) yield encoded(type, part);
}

export function kernelWeight(
  name: string,
  type: Float,
  kernel: Kernel,
): Weight {
  const { terms, shape, turned } = kernel;
  const [out, within] = shape;
  const dims = turned ? [within, out] : shape;
  const facts = { name, type, dims };
  for (const term of terms) check(term, turned);
  const [only, ...more] = terms;
  const alone = more.length === 0 && only?.scale === 1;
  const stored = alone ? only.weight : undefined;
  if (stored?.tensor.type === type) {
    const piece = runOf(linesOf(stored.view, turned), stored.tensor);
    if (piece !== undefined) return stacked(facts, [piece]);
  }
  const bytes = dims.reduce((a, b) => a * b, 1) * BYTES[type];
  return computed(facts, bytes, () => inType(type, numbersOfKernel(kernel)));
}

/** What would stop the reading of a weight later on. */
function check({ weight }: Term, turned: boolean): void {
  if (weight === undefined) return;
  const { tensor, view } = weight;
  const { numbers, piece, name, type } = tensor;
  if (numbers === undefined && piece === undefined) {
    throw new UnsupportedGraph(`${name} is not stored as bytes`);
  }
  const [lines = []] = linesOf(view, turned).dims;
  if (lines.length > 1 || !["float32", "float16"].includes(type)) {
    throw new UnsupportedGraph(`${name} is not stored row by row`);
  }
}
