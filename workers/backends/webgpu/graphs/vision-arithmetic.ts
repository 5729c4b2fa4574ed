/** What graphs compute of shapes and constants before any pixel is there. */
import type { OnnxNode } from "../../../onnx/onnx";
import {
  computedTensor,
  numbersOf,
  type Constant,
  type Numbers,
} from "./vision-tensor";
import { UnsupportedGraph } from "./weight";

type Two = (a: number, b: number) => number;

const TWO: Readonly<Record<string, Two>> = {
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

const ONE: Readonly<Record<string, (a: number) => number>> = {
  Sqrt: Math.sqrt,
  Neg: (a) => -a,
  Abs: Math.abs,
  Floor: Math.floor,
  Ceil: Math.ceil,
  Reciprocal: (a) => 1 / a,
  Not: (a) => Number(a === 0),
};

/** By ONNX's numbers of the types: what a Cast makes of a number. */
const INTEGERS = [2, 3, 4, 5, 6, 7, 12, 13];

const WHOLE = ["int64", "int32", "uint8", "int8"];

/** The result of an operator whose inputs are known; undefined: not ours. */
export function evaluated(
  node: OnnxNode,
  inputs: readonly (Constant | undefined)[],
): Constant | undefined {
  const [first, second, third] = inputs;
  if (first === undefined) return undefined;
  const { op, attributes } = node;
  const { type } = first.tensor;
  const one = ONE[op];
  if (one !== undefined) {
    const { shape, numbers } = numbersOf(first);
    return computedTensor(type, shape, numbers.map(one));
  }
  const two = TWO[op];
  if (two !== undefined && second !== undefined) {
    const whole = op === "Div" && WHOLE.includes(type);
    const apply: Two = whole ? (a, b) => Math.trunc(a / b) : two;
    const { shape, numbers } = pairwise(
      numbersOf(first),
      numbersOf(second),
      apply,
    );
    return computedTensor(op === "Equal" ? "bool" : type, shape, numbers);
  }
  switch (op) {
    case "Cast": {
      const { shape, numbers } = numbersOf(first);
      const whole = INTEGERS.includes(attributes.get("to") ?? 0);
      return computedTensor(
        whole ? "int64" : "float32",
        shape,
        whole ? numbers.map(Math.trunc) : numbers,
      );
    }
    case "Concat":
      return concatenated(inputs);
    case "Slice":
      return listSlice(inputs);
    case "Gather":
      return second === undefined ? undefined : listItems(first, second);
    case "ConstantOfShape": {
      const shape = [...numbersOf(first).numbers];
      const { numbers = [0] } = fillOf(node);
      const count = shape.reduce((a, b) => a * b, 1);
      const all = new Float64Array(count).fill(numbers[0] ?? 0);
      return computedTensor(node.value?.type ?? "float32", shape, all);
    }
    case "Where": {
      if (second === undefined || third === undefined) return undefined;
      const [when, yes, no] = [first, second, third].map(numbersOf);
      if (when === undefined || yes === undefined || no === undefined) {
        return undefined;
      }
      const left = pairwise(when, yes, (w, y) => (w === 0 ? NaN : y));
      const both = pairwise(left, no, (y, n) => (Number.isNaN(y) ? n : y));
      return computedTensor(second.tensor.type, both.shape, both.numbers);
    }
    default:
      return undefined;
  }
}

function fillOf({ value }: OnnxNode): { numbers?: readonly number[] } {
  if (value?.numbers !== undefined) return { numbers: value.numbers };
  // What is filled in is 0 or 1 for the shapes that are computed with.
  const first = value?.bytes?.[0];
  if (first === undefined) return {};
  if (value?.type === "int64") return { numbers: [first] };
  throw new UnsupportedGraph("a ConstantOfShape is of no whole number");
}

function concatenated(inputs: readonly (Constant | undefined)[]): Constant {
  const all = inputs.flatMap((input) => {
    if (input === undefined) return [];
    const { shape, numbers } = numbersOf(input);
    if (shape.length !== 1)
      throw new UnsupportedGraph("a Concat is not of shapes");
    return [...numbers];
  });
  return computedTensor("int64", [all.length], all);
}

const isList = ({ tensor, view }: Constant) =>
  view.dims.length === 1 && tensor.numbers !== undefined;

/** Of a shape: it may leave nothing. */
function listSlice([list, ...others]: readonly (Constant | undefined)[]):
  Constant | undefined {
  if (list === undefined || !isList(list)) return undefined;
  const [starts, ends, , steps] = others.map((each) =>
    each === undefined ? undefined : numbersOf(each).numbers[0],
  );
  if ((steps ?? 1) !== 1)
    throw new UnsupportedGraph("a Slice leaves elements out");
  const { numbers } = numbersOf(list);
  const part = numbers.slice(starts, ends);
  return computedTensor(list.tensor.type, [part.length], part);
}

function listItems(list: Constant, places: Constant): Constant | undefined {
  if (!isList(list)) return undefined;
  const { numbers } = numbersOf(list);
  const at = numbersOf(places);
  const items = at.numbers.map(
    (i) => numbers[i < 0 ? i + numbers.length : i] ?? NaN,
  );
  return computedTensor(list.tensor.type, at.shape, items);
}

/** Sizes of 1 are repeated, from the last dimension on. */
function pairwise(a: Numbers, b: Numbers, apply: Two): Numbers {
  const rank = Math.max(a.shape.length, b.shape.length);
  const long = (shape: readonly number[]) => [
    ...new Array<number>(rank - shape.length).fill(1),
    ...shape,
  ];
  const [left, right] = [long(a.shape), long(b.shape)];
  const shape = left.map((size, i) => {
    const other = right[i] ?? 1;
    if (size !== other && size !== 1 && other !== 1) {
      throw new UnsupportedGraph("constants of different shapes meet");
    }
    return size === 1 ? other : size;
  });
  const count = shape.reduce((all, size) => all * size, 1);
  const numbers = Float64Array.from({ length: count }, (_, i) =>
    apply(
      a.numbers[place(i, shape, left)] ?? NaN,
      b.numbers[place(i, shape, right)] ?? NaN,
    ),
  );
  return { shape, numbers };
}

/** Of element `i` of `shape` in one whose sizes may be 1. */
function place(
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
