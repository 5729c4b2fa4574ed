/**
 * What reshapes, transposes and slices make of a tensor, without moving it:
 * element (i, j, …) of a view is the tensor's element
 *
 *     offset + Σ index of atom * its stride
 *
 * where the index of each dimension is split into those of its atoms, the last
 * the quickest. Graphs spell one layout in many ways; their views are equal.
 */
import { UnsupportedGraph } from "./weight";

export interface Atom {
  /** Larger than 1. */
  readonly size: number;
  readonly stride: number;
}

export interface View {
  readonly offset: number;
  /** A dimension of size 1 has no atoms. */
  readonly dims: readonly (readonly Atom[])[];
}

const product = (numbers: readonly number[]) =>
  numbers.reduce((a, b) => a * b, 1);

export const sizeOf = (dim: readonly Atom[]) =>
  product(dim.map(({ size }) => size));

export const shapeOf = ({ dims }: View): number[] => dims.map(sizeOf);

export const countOf = (view: View): number => product(shapeOf(view));

/** Of a tensor in its own order. */
export function wholeView(shape: readonly number[]): View {
  const dims = shape.map((size, i) => [
    { size, stride: product(shape.slice(i + 1)) },
  ]);
  return { offset: 0, dims: dims.map(joinedAtoms) };
}

/** Without atoms of size 1, neighbours that are one step of another as one. */
export function joinedAtoms(atoms: readonly Atom[]): Atom[] {
  const out: Atom[] = [];
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
  { offset, dims }: View,
  order: readonly number[],
): View {
  if (order.length !== dims.length || new Set(order).size !== dims.length) {
    throw new UnsupportedGraph("a Transpose does not name each dimension once");
  }
  return { offset, dims: order.map((i) => dims[i] ?? []) };
}

/** `shape` has no 0 for “as before” any more, and at most one -1. */
export function reshaped(view: View, shape: readonly number[]): View {
  const known = product(shape.filter((size) => size !== -1));
  const total = countOf(view);
  const sizes = shape.map((size) => (size === -1 ? total / known : size));
  if (product(sizes) !== total) {
    throw new UnsupportedGraph(
      `a Reshape makes [${shape.join()}] of ${total} elements`,
    );
  }
  const rest: Atom[] = view.dims.flat();
  const dims = sizes.map((size) => {
    const taken: Atom[] = [];
    for (let wanted = size; wanted > 1;) {
      const atom = rest.shift();
      if (atom === undefined)
        throw new UnsupportedGraph("a Reshape has too many elements");
      if (wanted % atom.size === 0) {
        taken.push(atom);
        wanted /= atom.size;
        continue;
      }
      const inner = atom.size / wanted;
      if (!Number.isInteger(inner)) {
        throw new UnsupportedGraph(
          "a Reshape cuts across rows of pixels or channels",
        );
      }
      taken.push({ size: wanted, stride: atom.stride * inner });
      rest.unshift({ size: inner, stride: atom.stride });
      wanted = 1;
    }
    return joinedAtoms(taken);
  });
  return { offset: view.offset, dims };
}

/** `count` elements of dimension `axis` from `start` on. */
export function sliced(
  view: View,
  axis: number,
  start: number,
  count: number,
): View {
  const dim = view.dims[axis] ?? [];
  if (start < 0 || count < 1 || start + count > sizeOf(dim)) {
    throw new UnsupportedGraph("a slice goes beyond its tensor");
  }
  if (count === sizeOf(dim)) return view;
  const [atom, ...more] = dim;
  if (atom === undefined || more.length > 0) {
    throw new UnsupportedGraph(
      "a slice cuts across rows of pixels or channels",
    );
  }
  const { stride } = atom;
  return {
    offset: view.offset + start * stride,
    dims: view.dims.map((each, i) =>
      i === axis ? joinedAtoms([{ size: count, stride }]) : each,
    ),
  };
}

/** The dimension, counted from the end if negative. */
export function axisOf({ dims }: View, axis: number): number {
  const from = axis < 0 ? axis + dims.length : axis;
  if (from < 0 || from >= dims.length) {
    throw new UnsupportedGraph(`there is no dimension ${axis}`);
  }
  return from;
}

/** Where the elements are in the tensor, in the view's order. */
export function placesOf({ offset, dims }: View): Int32Array {
  let places = new Int32Array([offset]);
  for (const { size, stride } of dims.flat()) {
    const next = new Int32Array(places.length * size);
    places.forEach((place, i) => {
      for (let j = 0; j < size; j++) next[i * size + j] = place + j * stride;
    });
    places = next;
  }
  return places;
}

export const sameAtoms = (a: readonly Atom[], b: readonly Atom[]) =>
  a.length === b.length &&
  a.every(
    ({ size, stride }, i) => b[i]?.size === size && b[i].stride === stride,
  );

export const sameView = (a: View, b: View): boolean =>
  a.offset === b.offset &&
  a.dims.length === b.dims.length &&
  a.dims.every((dim, i) => sameAtoms(dim, b.dims[i] ?? []));
