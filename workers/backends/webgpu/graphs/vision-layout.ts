/** Layout operators, which change the view of a tensor and move no data. */
import type { OnnxNode } from "../../../onnx/onnx-protos";
import { tensorValues } from "./graph-tensor";
import {
  axisOf,
  coalesced,
  reshaped,
  shapeOf,
  sliced,
  transposed,
  type StridedView,
} from "./strided-view";
import {
  isFeatures,
  requireConstant,
  type GraphInputs,
  type GraphValue,
} from "./vision-layers";
import { UnsupportedGraph } from "../../backend";

const FLOAT_TYPES = [1, 10, 11, 16];

/** The outputs of a layout operator; undefined for other operators. */
export function applyLayoutOp(
  node: OnnxNode,
  inputs: GraphInputs,
): readonly GraphValue[] | undefined {
  const [value] = inputs;
  if (value === undefined) return undefined;
  const views = viewsOf(node, value, inputs.slice(1));
  return views?.map((view) => ({ ...value, view }));
}

function viewsOf(
  node: OnnxNode,
  value: GraphValue,
  others: GraphInputs,
): readonly StridedView[] | undefined {
  const { op, attributes, lists } = node;
  const { view } = value;
  const { dims } = view;
  switch (op) {
    case "Identity":
    case "Dropout":
      return [view];
    case "Cast":
      if (!isFeatures(value)) return undefined;
      if (FLOAT_TYPES.includes(attributes.get("to") ?? 0)) return [view];
      throw new UnsupportedGraph("features are cast to integers");
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
      return [{ ...view, dims: parts.map((d) => coalesced(d.flat())) }];
    }
    case "Squeeze":
      return [squeezed(view, axesOf(node, others[0]))];
    case "Unsqueeze":
      return [unsqueezed(view, axesOf(node, others[0]) ?? [])];
    case "Expand": {
      const wanted = integersOf(others[0]);
      const same = wanted.every((size, i) => {
        const own = shapeOf(view)[i - wanted.length + dims.length] ?? 1;
        return size === 1 || size === own;
      });
      if (same && wanted.length <= dims.length) return [view];
      if (!isFeatures(value)) return undefined;
      throw new UnsupportedGraph(
        `Expand repeats features of shape [${shapeOf(view).join()}] to [${wanted.join()}]`,
      );
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

function integersOf(value: GraphValue | undefined): number[] {
  return [...tensorValues(requireConstant(value)).numbers];
}

function shapeFor(
  view: StridedView,
  shape: GraphValue | undefined,
  attributes: OnnxNode["attributes"],
): number[] {
  const keep = attributes.get("allowzero") !== 1;
  const own = shapeOf(view);
  return integersOf(shape).map((size, i) =>
    size === 0 && keep ? (own[i] ?? 1) : size,
  );
}

/** Axes from the input, or from the attribute as in older opsets. */
export function axesOf(
  { lists }: OnnxNode,
  input: GraphValue | undefined,
): readonly number[] | undefined {
  if (input !== undefined) return integersOf(input);
  return lists.get("axes");
}

function squeezed(
  view: StridedView,
  axes: readonly number[] | undefined,
): StridedView {
  const removed = axes?.map((axis) => axisOf(view, axis));
  const dims = view.dims.filter((dim, i) => {
    const isRemoved = removed?.includes(i) ?? dim.length === 0;
    if (isRemoved && dim.length > 0)
      throw new UnsupportedGraph(
        `dimension ${i} of [${shapeOf(view).join()}] is not 1`,
      );
    return !isRemoved;
  });
  return { ...view, dims };
}

function unsqueezed(view: StridedView, axes: readonly number[]): StridedView {
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
  view: StridedView,
  indices: GraphValue | undefined,
): StridedView {
  const axis = axisOf(view, attributes.get("axis") ?? 0);
  const { shape, numbers } = tensorValues(requireConstant(indices));
  const [index] = numbers;
  if (index === undefined || numbers.length > 1) {
    throw new UnsupportedGraph(
      `Gather of ${numbers.length} indices is not supported`,
    );
  }
  const size = shapeOf(view)[axis] ?? 1;
  const one = sliced(view, axis, index < 0 ? index + size : index, 1);
  const dims = one.dims.flatMap((dim, i) =>
    i === axis ? shape.map(() => []) : [dim],
  );
  return { ...one, dims };
}

function sliceOf(
  { lists }: OnnxNode,
  view: StridedView,
  [starts, ends, axes, steps]: GraphInputs,
): StridedView {
  const from = starts === undefined ? lists.get("starts") : integersOf(starts);
  const to = ends === undefined ? lists.get("ends") : integersOf(ends);
  const along = axes === undefined ? lists.get("axes") : integersOf(axes);
  if (from === undefined || to === undefined)
    throw new UnsupportedGraph("starts or ends are missing");
  if (steps !== undefined && integersOf(steps).some((step) => step !== 1)) {
    throw new UnsupportedGraph(
      `steps [${integersOf(steps).join()}] are not supported`,
    );
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
  view: StridedView,
  sizes: GraphValue | undefined,
): StridedView[] {
  const axis = axisOf(view, attributes.get("axis") ?? 0);
  const size = shapeOf(view)[axis] ?? 1;
  const each = Math.ceil(size / outputs.length);
  const equal = outputs.map((_, i) => Math.min(each, size - i * each));
  const counts =
    sizes === undefined ? (lists.get("split") ?? equal) : integersOf(sizes);
  let start = 0;
  return counts.map((count) => {
    const part = sliced(view, axis, start, count);
    start += count;
    return part;
  });
}
