/** Operators that move no number: they change how a tensor is seen. */
import type { OnnxNode } from "../../../onnx/onnx";
import { numbersOf, type Constant } from "./vision-tensor";
import type { Value } from "./vision-value";
import {
  axisOf,
  joinedAtoms,
  reshaped,
  shapeOf,
  sliced,
  transposed,
  type View,
} from "./vision-view";
import { UnsupportedGraph } from "./weight";

const FLOATS = [1, 10, 11, 16];

/** What `node` makes of its input's layout; undefined: it computes. */
export function relaid(
  node: OnnxNode,
  inputs: readonly (Value | undefined)[],
): readonly Value[] | undefined {
  const [value] = inputs;
  if (value === undefined) return undefined;
  const views = viewsOf(node, value, inputs.slice(1));
  return views?.map((view) => ({ ...value, view }));
}

function viewsOf(
  node: OnnxNode,
  value: Value,
  others: readonly (Value | undefined)[],
): readonly View[] | undefined {
  const { op, attributes, lists } = node;
  const { view } = value;
  const { dims } = view;
  switch (op) {
    case "Identity":
    case "Dropout":
      return [view];
    case "Cast":
      if (!("layer" in value)) return undefined;
      if (FLOATS.includes(attributes.get("to") ?? 0)) return [view];
      throw new UnsupportedGraph("features are cast to whole numbers");
    case "Transpose": {
      const backwards = dims.map((_, i) => dims.length - 1 - i);
      return [transposed(view, lists.get("perm") ?? backwards)];
    }
    case "Reshape":
      return [reshaped(view, shapeFor(view, others[0], attributes))];
    case "Flatten": {
      const axis = attributes.get("axis") ?? 1;
      const at = axis < 0 ? axis + dims.length : axis;
      const parts = [dims.slice(0, at), dims.slice(at)];
      return [{ ...view, dims: parts.map((d) => joinedAtoms(d.flat())) }];
    }
    case "Squeeze":
      return [squeezed(view, axesOf(node, others[0]))];
    case "Unsqueeze":
      return [unsqueezed(view, axesOf(node, others[0]) ?? [])];
    case "Expand": {
      const wanted = known(others[0]);
      const same = wanted.every((size, i) => {
        const own = shapeOf(view)[i - wanted.length + dims.length] ?? 1;
        return size === 1 || size === own;
      });
      if (same && wanted.length <= dims.length) return [view];
      if (!("layer" in value)) return undefined;
      throw new UnsupportedGraph("features are repeated");
    }
    case "Gather":
      return [gathered(node, view, others[0])];
    case "Slice":
      return [sliceOf(node, view, others)];
    case "Split":
      return splits(node, view, others[0]);
    default:
      return undefined;
  }
}

function known(value: Value | undefined): number[] {
  if (value === undefined || "layer" in value) {
    throw new UnsupportedGraph("a shape depends on what is in the picture");
  }
  return [...numbersOf(value).numbers];
}

function shapeFor(
  view: View,
  shape: Value | undefined,
  attributes: OnnxNode["attributes"],
): number[] {
  const keep = attributes.get("allowzero") !== 1;
  const own = shapeOf(view);
  return known(shape).map((size, i) =>
    size === 0 && keep ? (own[i] ?? 1) : size,
  );
}

/** Of an attribute, as older opsets have it, or of an input. */
export function axesOf(
  { lists }: OnnxNode,
  input: Value | undefined,
): readonly number[] | undefined {
  if (input !== undefined) return known(input);
  return lists.get("axes");
}

function squeezed(view: View, axes: readonly number[] | undefined): View {
  const gone = axes?.map((axis) => axisOf(view, axis));
  const dims = view.dims.filter((dim, i) => {
    const goes = gone?.includes(i) ?? dim.length === 0;
    if (goes && dim.length > 0)
      throw new UnsupportedGraph("a Squeeze is of more than 1");
    return !goes;
  });
  return { ...view, dims };
}

function unsqueezed(view: View, axes: readonly number[]): View {
  const rank = view.dims.length + axes.length;
  const added = axes.map((axis) => (axis < 0 ? axis + rank : axis));
  const rest = [...view.dims];
  const dims = Array.from({ length: rank }, (_, i) =>
    added.includes(i) ? [] : (rest.shift() ?? []),
  );
  return { ...view, dims };
}

function gathered(
  { attributes }: OnnxNode,
  view: View,
  indices: Value | undefined,
): View {
  const axis = axisOf(view, attributes.get("axis") ?? 0);
  const { shape, numbers } = numbersOf(constantOnly(indices));
  const [index] = numbers;
  if (index === undefined || numbers.length > 1) {
    throw new UnsupportedGraph("a Gather takes several");
  }
  const size = shapeOf(view)[axis] ?? 1;
  const one = sliced(view, axis, index < 0 ? index + size : index, 1);
  const dims = one.dims.flatMap((dim, i) =>
    i === axis ? shape.map(() => []) : [dim],
  );
  return { ...one, dims };
}

function constantOnly(value: Value | undefined): Constant {
  if (value === undefined || "layer" in value) {
    throw new UnsupportedGraph("places depend on what is in the picture");
  }
  return value;
}

function sliceOf(
  { lists }: OnnxNode,
  view: View,
  [starts, ends, axes, steps]: readonly (Value | undefined)[],
): View {
  const from = starts === undefined ? lists.get("starts") : known(starts);
  const to = ends === undefined ? lists.get("ends") : known(ends);
  const along = axes === undefined ? lists.get("axes") : known(axes);
  if (from === undefined || to === undefined)
    throw new UnsupportedGraph("a Slice has no ends");
  if (steps !== undefined && known(steps).some((step) => step !== 1)) {
    throw new UnsupportedGraph("a Slice leaves elements out");
  }
  let all = view;
  from.forEach((start, i) => {
    const axis = axisOf(view, along?.[i] ?? i);
    const size = shapeOf(view)[axis] ?? 1;
    const within = (at: number) =>
      Math.min(size, Math.max(0, at < 0 ? at + size : at));
    const first = within(start);
    all = sliced(all, axis, first, within(to[i] ?? size) - first);
  });
  return all;
}

function splits(
  { attributes, lists, outputs }: OnnxNode,
  view: View,
  sizes: Value | undefined,
): View[] {
  const axis = axisOf(view, attributes.get("axis") ?? 0);
  const size = shapeOf(view)[axis] ?? 1;
  const each = Math.ceil(size / outputs.length);
  const equal = outputs.map((_, i) => Math.min(each, size - i * each));
  const counts =
    sizes === undefined ? (lists.get("split") ?? equal) : known(sizes);
  let start = 0;
  return counts.map((count) => {
    const part = sliced(view, axis, start, count);
    start += count;
    return part;
  });
}
