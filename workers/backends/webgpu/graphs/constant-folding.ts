/** Evaluates operators on constants, such as shape arithmetic, at planning time. */
import type { OnnxNode } from "../../../onnx/onnx-protos";
import {
  computedConstant,
  tensorValues,
  type ConstantView,
  type TensorValues,
} from "./graph-tensor";
import { UnsupportedGraph } from "../../backend";

type BinaryFunction = (a: number, b: number) => number;

const BINARY_OPS: Readonly<Record<string, BinaryFunction>> = {
  Add: (a, b) => a + b,
  Sub: (a, b) => a - b,
  Mul: (a, b) => a * b,
  Div: (a, b) => a / b,
  Pow: (a, b) => a ** b,
  Mod: (a, b) => a - b * Math.floor(a / b),
  Min: Math.min,
  Max: Math.max,
  Equal: (a, b) => Number(a === b),
};

const UNARY_OPS: Readonly<Record<string, (a: number) => number>> = {
  Sqrt: Math.sqrt,
  Neg: (a) => -a,
  Abs: Math.abs,
  Floor: Math.floor,
  Ceil: Math.ceil,
  Reciprocal: (a) => 1 / a,
  Not: (a) => Number(a === 0),
};

/** TensorProto.DataType of the integers, as targets of Cast. */
const INTEGER_TYPES = [2, 3, 4, 5, 6, 7, 12, 13];

const INTEGER_NAMES = ["int64", "int32", "uint8", "int8"];

/** The result of an operator on constants; undefined if it cannot be folded. */
export function foldConstant(
  node: OnnxNode,
  inputs: readonly (ConstantView | undefined)[],
): ConstantView | undefined {
  const [first, second, third] = inputs;
  if (first === undefined) return undefined;
  const { op, attributes } = node;
  const { type } = first.tensor;
  const one = UNARY_OPS[op];
  if (one !== undefined) {
    const { shape, numbers } = tensorValues(first);
    return computedConstant(type, shape, numbers.map(one));
  }
  const two = BINARY_OPS[op];
  if (two !== undefined && second !== undefined) {
    const whole = op === "Div" && INTEGER_NAMES.includes(type);
    const apply: BinaryFunction = whole ? (a, b) => Math.trunc(a / b) : two;
    const { shape, numbers } = broadcast(
      tensorValues(first),
      tensorValues(second),
      apply,
    );
    return computedConstant(op === "Equal" ? "bool" : type, shape, numbers);
  }
  switch (op) {
    case "Cast": {
      const { shape, numbers } = tensorValues(first);
      const whole = INTEGER_TYPES.includes(attributes.get("to") ?? 0);
      return computedConstant(
        whole ? "int64" : "float32",
        shape,
        whole ? numbers.map(Math.trunc) : numbers,
      );
    }
    case "Concat":
      return foldConcat(inputs);
    case "Slice":
      return foldSlice(inputs);
    case "Gather":
      return second === undefined ? undefined : foldGather(first, second);
    case "ConstantOfShape": {
      const shape = [...tensorValues(first).numbers];
      const count = shape.reduce((a, b) => a * b, 1);
      const all = new Float64Array(count).fill(fillValue(node));
      return computedConstant(node.value?.type ?? "float32", shape, all);
    }
    case "Expand": {
      if (second === undefined) return undefined;
      const shape = [...tensorValues(second).numbers];
      const count = shape.reduce((a, b) => a * b, 1);
      const target = { shape, numbers: new Float64Array(count) };
      const all = broadcast(tensorValues(first), target, (a) => a);
      return computedConstant(type, all.shape, all.numbers);
    }
    case "Where": {
      if (second === undefined || third === undefined) return undefined;
      const [when, yes, no] = [first, second, third].map(tensorValues);
      if (when === undefined || yes === undefined || no === undefined) {
        return undefined;
      }
      const left = broadcast(when, yes, (w, y) => (w === 0 ? NaN : y));
      const both = broadcast(left, no, (y, n) => (Number.isNaN(y) ? n : y));
      return computedConstant(second.tensor.type, both.shape, both.numbers);
    }
    default:
      return undefined;
  }
}

/** ConstantOfShape fills with float32 0 unless it has a value. */
function fillValue({ value }: OnnxNode): number {
  const [number] = value?.numbers ?? [];
  if (number !== undefined) return number;
  // The fill value of shape arithmetic is 0 or 1: the low byte is enough.
  const [byte] = value?.bytes ?? [];
  if (byte === undefined) return 0;
  if (value?.type === "int64") return byte;
  throw new UnsupportedGraph(
    `ConstantOfShape with a value of type ${value?.type} is not supported`,
  );
}

function foldConcat(
  inputs: readonly (ConstantView | undefined)[],
): ConstantView {
  const all = inputs.flatMap((input) => {
    if (input === undefined) return [];
    const { shape, numbers } = tensorValues(input);
    if (shape.length !== 1)
      throw new UnsupportedGraph(
        `Concat of constants of shape [${shape.join()}] is not supported`,
      );
    return [...numbers];
  });
  return computedConstant("int64", [all.length], all);
}

const isList = ({ tensor, view }: ConstantView) =>
  view.dims.length === 1 && tensor.numbers !== undefined;

/** Slice of a list such as a shape; the result may be empty. */
function foldSlice([list, ...others]: readonly (ConstantView | undefined)[]):
  ConstantView | undefined {
  if (list === undefined || !isList(list)) return undefined;
  const [starts, ends, , steps] = others.map((each) =>
    each === undefined ? undefined : tensorValues(each).numbers[0],
  );
  if ((steps ?? 1) !== 1)
    throw new UnsupportedGraph(`Slice with step ${steps} is not supported`);
  const { numbers } = tensorValues(list);
  const part = numbers.slice(starts, ends);
  return computedConstant(list.tensor.type, [part.length], part);
}

function foldGather(
  list: ConstantView,
  places: ConstantView,
): ConstantView | undefined {
  if (!isList(list)) return undefined;
  const { numbers } = tensorValues(list);
  const at = tensorValues(places);
  const items = at.numbers.map(
    (i) => numbers[i < 0 ? i + numbers.length : i] ?? NaN,
  );
  return computedConstant(list.tensor.type, at.shape, items);
}

/** Applies a function with NumPy broadcasting. */
function broadcast(
  a: TensorValues,
  b: TensorValues,
  apply: BinaryFunction,
): TensorValues {
  const rank = Math.max(a.shape.length, b.shape.length);
  const long = (shape: readonly number[]) => [
    ...new Array<number>(rank - shape.length).fill(1),
    ...shape,
  ];
  const [left, right] = [long(a.shape), long(b.shape)];
  const shape = left.map((size, i) => {
    const other = right[i] ?? 1;
    if (size !== other && size !== 1 && other !== 1) {
      throw new UnsupportedGraph(
        `shapes [${a.shape.join()}] and [${b.shape.join()}] cannot be broadcast`,
      );
    }
    return size === 1 ? other : size;
  });
  const count = shape.reduce((all, size) => all * size, 1);
  const numbers = Float64Array.from({ length: count }, (_, i) =>
    apply(
      a.numbers[broadcastIndex(i, shape, left)] ?? NaN,
      b.numbers[broadcastIndex(i, shape, right)] ?? NaN,
    ),
  );
  return { shape, numbers };
}

/** Index of element `i` of `shape` in an operand whose dimensions may be 1. */
function broadcastIndex(
  i: number,
  shape: readonly number[],
  own: readonly number[],
): number {
  let [rest, at, step] = [i, 0, 1];
  for (let d = shape.length - 1; d >= 0; d--) {
    const size = shape[d] ?? 1;
    const index = rest % size;
    rest = Math.floor(rest / size);
    if ((own[d] ?? 1) !== 1) at += index * step;
    step *= own[d] ?? 1;
  }
  return at;
}
