/** The weights of a graph: few numbers are read before its structure is. */
import { fromHalf } from "../../../util/float16";
import type { Initializer, OnnxGraph } from "../../../onnx/onnx";
import type { ConstantTensor } from "../../../onnx/onnx-messages";
import { baseName, weightFiles } from "../../../onnx/weight-files";
import {
  countOf,
  placesOf,
  shapeOf,
  wholeView,
  type View,
} from "./vision-view";
import { readPiece, UnsupportedGraph, type Piece } from "./weight";

export interface Tensor {
  /** For errors. */
  readonly name: string;
  readonly type: string;
  readonly dims: readonly number[];
  /** Its elements, if they are few or were computed. */
  readonly numbers?: Float64Array;
  /** Where they lie, if they lie in a file. */
  readonly piece?: Piece;
}

/** A tensor as reshapes and slices show it. */
export interface Constant {
  readonly tensor: Tensor;
  readonly view: View;
}

export interface Numbers {
  readonly shape: readonly number[];
  readonly numbers: Float64Array;
}

/** Shapes, scales and biases have no more elements; kernels have. */
const FEW = 32768;

/** Every weight by its name. */
export async function readTensors(
  graph: OnnxGraph,
  external: ReadonlyMap<string, Blob>,
): Promise<Map<string, Tensor>> {
  const files = weightFiles(graph, external);
  const tensors = new Map<string, Tensor>();
  for (const initializer of graph.initializers.values()) {
    const tensor = await readTensor(initializer, graph.file, files);
    tensors.set(initializer.name, tensor);
  }
  return tensors;
}

async function readTensor(
  { name, type, dims, data, numbers }: Initializer,
  file: string,
  files: ReadonlyMap<string, Blob>,
): Promise<Tensor> {
  const facts = { name, type, dims };
  if (numbers !== undefined) {
    return { ...facts, numbers: decoded({ type, dims, numbers }) };
  }
  const blob = files.get(data?.location ?? baseName(file));
  if (data === undefined || blob === undefined) return facts;
  const { offset, length } = data;
  const piece = { file, blob, offset, length };
  if (dims.reduce((a, b) => a * b, 1) > FEW) return { ...facts, piece };
  const bytes = await readPiece(piece, 0, length);
  return { ...facts, piece, numbers: decoded({ type, dims, bytes }) };
}

/** Elements of a type that is known; none of another. */
export function decoded({
  type,
  dims,
  bytes,
  numbers,
}: ConstantTensor): Float64Array {
  if (bytes !== undefined) return decodedBytes(type, bytes);
  const all = Float64Array.from(numbers ?? []);
  // Halves are stored as the numbers of their bits.
  if (type === "float16") {
    return Float64Array.from(fromHalf(Uint16Array.from(all)));
  }
  const count = dims.reduce((a, b) => a * b, 1);
  return all.length === count ? all : new Float64Array(0);
}

export function decodedBytes(type: string, bytes: Uint8Array): Float64Array {
  const { buffer } = bytes.slice();
  switch (type) {
    case "float32":
      return Float64Array.from(new Float32Array(buffer));
    case "float16":
      return Float64Array.from(fromHalf(new Uint16Array(buffer)));
    case "float64":
      return new Float64Array(buffer);
    case "int64":
      return Float64Array.from(new BigInt64Array(buffer), Number);
    case "int32":
      return Float64Array.from(new Int32Array(buffer));
    case "uint8":
    case "bool":
      return Float64Array.from(bytes);
    case "int8":
      return Float64Array.from(new Int8Array(buffer));
    default:
      return new Float64Array(0);
  }
}

export const constant = (tensor: Tensor): Constant => ({
  tensor,
  view: wholeView(tensor.dims),
});

/** Computed of others, or of shapes. */
export function computedTensor(
  type: string,
  shape: readonly number[],
  numbers: ArrayLike<number>,
): Constant {
  const made = { name: "a constant", type, dims: shape };
  return constant({ ...made, numbers: Float64Array.from(numbers) });
}

/** The elements that the view shows. */
export function numbersOf({ tensor, view }: Constant): Numbers {
  const { numbers, name } = tensor;
  if (numbers === undefined || countOf(view) > FEW) {
    throw new UnsupportedGraph(
      `${name} has more elements than a scale or bias`,
    );
  }
  const places = placesOf(view);
  const shape = shapeOf(view);
  return { shape, numbers: Float64Array.from(places, (i) => at(numbers, i)) };
}

function at(numbers: Float64Array, i: number): number {
  const value = numbers[i];
  if (value === undefined)
    throw new UnsupportedGraph("a constant cannot be read");
  return value;
}

export function onlyNumber(value: Constant): number {
  const { numbers } = numbersOf(value);
  if (numbers.length !== 1)
    throw new UnsupportedGraph("several numbers where one should be");
  return at(numbers, 0);
}
