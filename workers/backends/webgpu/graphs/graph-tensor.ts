/** Weights and constants of a graph. Only small tensors are decoded. */
import type { FloatType } from "../../../ort/tensor-rows";
import { openWeightFiles } from "../../../onnx/external-data";
import type { ConstantTensor } from "../../../onnx/onnx-protos";
import type { Initializer, OnnxGraph } from "../../../onnx/onnx-reader";
import { fromHalf } from "../../../util/float16";
import {
  viewSize,
  offsetsOf,
  shapeOf,
  contiguousView,
  type StridedView,
} from "./strided-view";
import { readSource, sourceOf, type ByteSource } from "./weight";
import { UnsupportedGraph } from "../../backend";

export interface GraphTensor {
  /** Name for error messages. */
  readonly name: string;
  readonly type: string;
  readonly dims: readonly number[];
  /** The elements, if the tensor is small or computed. */
  readonly numbers?: Float64Array;
  /** The stored bytes, if the tensor is in a file. */
  readonly source?: ByteSource;
}

/** Whether our graphs can compute in an element type. */
export const isFloatType = (type: string): type is FloatType =>
  type === "float32" || type === "float16";

/** A constant tensor and the view of it that layout operators leave. */
export interface ConstantView {
  readonly tensor: GraphTensor;
  readonly view: StridedView;
}

export interface TensorValues {
  readonly shape: readonly number[];
  readonly numbers: Float64Array;
}

/** Most elements of a decoded tensor: shapes, scales and biases, not kernels. */
const MAX_DECODED = 32768;

/** The initializers of a graph by name. */
export async function readGraphTensors(
  graph: OnnxGraph,
  external: ReadonlyMap<string, Blob>,
): Promise<Map<string, GraphTensor>> {
  const files = openWeightFiles(graph, external);
  const tensors = new Map<string, GraphTensor>();
  for (const initializer of graph.initializers.values()) {
    const tensor = await readTensor(initializer, graph, files);
    tensors.set(initializer.name, tensor);
  }
  return tensors;
}

async function readTensor(
  { name, type, dims, data, numbers }: Initializer,
  graph: OnnxGraph,
  files: ReadonlyMap<string, Blob>,
): Promise<GraphTensor> {
  const info = { name, type, dims };
  if (numbers !== undefined) {
    return { ...info, numbers: decodeTensor({ type, dims, numbers }) };
  }
  if (data === undefined) return info;
  const source = sourceOf(graph, files, data);
  if (dims.reduce((a, b) => a * b, 1) > MAX_DECODED) return { ...info, source };
  const bytes = await readSource(source, 0, source.length);
  return { ...info, source, numbers: decodeTensor({ type, dims, bytes }) };
}

/** The elements of a tensor; empty if its type is not supported. */
export function decodeTensor({
  type,
  dims,
  bytes,
  numbers,
}: ConstantTensor): Float64Array {
  if (bytes !== undefined) return decodeBytes(type, bytes);
  const all = Float64Array.from(numbers ?? []);
  // int32_data holds the bit patterns of float16.
  if (type === "float16") {
    return Float64Array.from(fromHalf(Uint16Array.from(all)));
  }
  const count = dims.reduce((a, b) => a * b, 1);
  return all.length === count ? all : new Float64Array(0);
}

export function decodeBytes(type: string, bytes: Uint8Array): Float64Array {
  const { buffer } = bytes.slice();
  switch (type) {
    case "float32":
      return new Float64Array(new Float32Array(buffer));
    case "float16":
      return new Float64Array(fromHalf(new Uint16Array(buffer)));
    case "float64":
      return new Float64Array(buffer);
    case "int64":
      return Float64Array.from(new BigInt64Array(buffer), Number);
    case "int32":
      return new Float64Array(new Int32Array(buffer));
    case "uint8":
    case "bool":
      return new Float64Array(bytes);
    case "int8":
      return new Float64Array(new Int8Array(buffer));
    default:
      return new Float64Array(0);
  }
}

export const constantView = (tensor: GraphTensor): ConstantView => ({
  tensor,
  view: contiguousView(tensor.dims),
});

/** A constant that is computed from other constants or from shapes. */
export function computedConstant(
  type: string,
  shape: readonly number[],
  numbers: ArrayLike<number>,
): ConstantView {
  const tensor = { name: "a computed constant", type, dims: shape };
  return constantView({ ...tensor, numbers: Float64Array.from(numbers) });
}

/** The elements of a view. */
export function tensorValues({ tensor, view }: ConstantView): TensorValues {
  const { numbers, name } = tensor;
  if (numbers === undefined || viewSize(view) > MAX_DECODED) {
    throw new UnsupportedGraph(
      `constant ${name} [${shapeOf(view).join()}] is needed at planning time but has more than ${MAX_DECODED} elements`,
    );
  }
  const offsets = offsetsOf(view);
  const shape = shapeOf(view);
  return {
    shape,
    numbers: Float64Array.from(offsets, (i) => elementAt(numbers, i, name)),
  };
}

function elementAt(numbers: Float64Array, i: number, name: string): number {
  const value = numbers[i];
  if (value === undefined)
    throw new UnsupportedGraph(`constant ${name} cannot be decoded`);
  return value;
}

export function scalarValue(value: ConstantView): number {
  const { numbers } = tensorValues(value);
  if (numbers.length !== 1)
    throw new UnsupportedGraph(
      `constant ${value.tensor.name} has ${numbers.length} elements, not 1`,
    );
  return elementAt(numbers, 0, value.tensor.name);
}
