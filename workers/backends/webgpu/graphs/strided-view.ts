/**
 * Strided views: reshapes, transposes and slices of a tensor that move no data.
 * Each dimension of a view is a list of strided dimensions, the last one fastest;
 * element (i, j, …) is the tensor's element
 *
 *     offset + Σ index · stride
 *
 * Different operator sequences with the same layout give equal views.
 */
import { at } from "../../../util/assert";
import { UnsupportedGraph } from "../../backend";

export interface StridedDim {
  /** At least 2. */
  readonly size: number;
  readonly stride: number;
}

export interface StridedView {
  readonly offset: number;
  /** A dimension of size 1 is an empty list. */
  readonly dims: readonly (readonly StridedDim[])[];
}

const product = (numbers: readonly number[]) =>
  numbers.reduce((a, b) => a * b, 1);

export const dimSize = (dim: readonly StridedDim[]) =>
  product(dim.map(({ size }) => size));

export const shapeOf = ({ dims }: StridedView): number[] => dims.map(dimSize);

export const viewSize = (view: StridedView): number => product(shapeOf(view));

/** A tensor in row-major order. */
export function contiguousView(shape: readonly number[]): StridedView {
  const dims = shape.map((size, i) => [
    { size, stride: product(shape.slice(i + 1)) },
  ]);
  return { offset: 0, dims: dims.map(coalesced) };
}

/** Drops dimensions of size 1 and merges contiguous neighbours. */
export function coalesced(atoms: readonly StridedDim[]): StridedDim[] {
  const out: StridedDim[] = [];
  for (const { size, stride } of atoms) {
    const last = out.at(-1);
    if (size === 1) continue;
    if (last?.stride === size * stride) {
      out[out.length - 1] = { size: last.size * size, stride };
    } else out.push({ size, stride });
  }
  return out;
}

export function transposed(
  { offset, dims }: StridedView,
  order: readonly number[],
): StridedView {
  const sorted = [...order].sort((a, b) => a - b);
  if (sorted.join() !== [...dims.keys()].join()) {
    throw new UnsupportedGraph(
      `perm [${order.join()}] is not a permutation of ${dims.length} dimensions`,
    );
  }
  return { offset, dims: order.map((i) => at(dims, i)) };
}

/** `shape` has at most one -1, and no 0 that stands for the input dimension. */
export function reshaped(
  view: StridedView,
  shape: readonly number[],
): StridedView {
  const known = product(shape.filter((size) => size !== -1));
  const total = viewSize(view);
  const sizes = shape.map((size) => (size === -1 ? total / known : size));
  if (product(sizes) !== total) {
    throw new UnsupportedGraph(
      `[${shapeOf(view).join()}] with ${total} elements cannot be reshaped to [${shape.join()}]`,
    );
  }
  const rest: StridedDim[] = view.dims.flat();
  const dims = sizes.map((size) => {
    const parts: StridedDim[] = [];
    for (let wanted = size; wanted > 1;) {
      const next = rest.shift();
      if (next === undefined) throw cut(view, shape);
      if (wanted % next.size === 0) {
        parts.push(next);
        wanted /= next.size;
        continue;
      }
      const inner = next.size / wanted;
      if (!Number.isInteger(inner)) throw cut(view, shape);
      parts.push({ size: wanted, stride: next.stride * inner });
      rest.unshift({ size: inner, stride: next.stride });
      wanted = 1;
    }
    return coalesced(parts);
  });
  return { offset: view.offset, dims };
}

const cut = (view: StridedView, shape: readonly number[]) =>
  new UnsupportedGraph(
    `[${shapeOf(view).join()}] cannot be reshaped to [${shape.join()}] without a copy`,
  );

/** The elements `start` … `start + count` of dimension `axis`. */
export function sliced(
  view: StridedView,
  axis: number,
  start: number,
  count: number,
): StridedView {
  const dim = view.dims[axis];
  if (dim === undefined)
    throw new UnsupportedGraph(
      `dimension ${axis} of [${shapeOf(view).join()}] does not exist`,
    );
  if (start < 0 || count < 1 || start + count > dimSize(dim)) {
    throw new UnsupportedGraph(
      `elements ${start} to ${start + count} are outside of dimension ${axis} of [${shapeOf(view).join()}]`,
    );
  }
  if (count === dimSize(dim)) return view;
  const [only, ...more] = dim;
  if (only === undefined || more.length > 0) {
    throw new UnsupportedGraph(
      `dimension ${axis} of [${shapeOf(view).join()}] cannot be sliced without a copy`,
    );
  }
  const { stride } = only;
  return {
    offset: view.offset + start * stride,
    dims: view.dims.map((each, i) =>
      i === axis ? coalesced([{ size: count, stride }]) : each,
    ),
  };
}

/** The dimension that an axis attribute means; negative ones count from the end. */
export function axisOf({ dims }: StridedView, axis: number): number {
  const from = axis < 0 ? axis + dims.length : axis;
  if (from < 0 || from >= dims.length) {
    throw new UnsupportedGraph(
      `axis ${axis} is outside of ${dims.length} dimensions`,
    );
  }
  return from;
}

/** Offsets of the view's elements in the tensor, in the view's order. */
export function offsetsOf({ offset, dims }: StridedView): Int32Array {
  let offsets = new Int32Array([offset]);
  for (const { size, stride } of dims.flat()) {
    const next = new Int32Array(offsets.length * size);
    offsets.forEach((from, i) => {
      for (let j = 0; j < size; j++) next[i * size + j] = from + j * stride;
    });
    offsets = next;
  }
  return offsets;
}

export const sameDims = (a: readonly StridedDim[], b: readonly StridedDim[]) =>
  a.length === b.length &&
  a.every(
    ({ size, stride }, i) => b[i]?.size === size && b[i].stride === stride,
  );

export const sameView = (a: StridedView, b: StridedView): boolean =>
  a.offset === b.offset &&
  a.dims.length === b.dims.length &&
  a.dims.every((dim, i) => sameDims(dim, b.dims[i] ?? []));
