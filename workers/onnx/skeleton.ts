import { VlmError } from "../../src/shared/errors";
import { readFile } from "../util/read-blob";
import { EXTERNAL_DATA_LIMIT } from "./external-data";
import { dataTypeNumber } from "./onnx-protos";
import type {
  TensorLocation,
  GraphPart,
  Initializer,
  OnnxGraph,
} from "./onnx-reader";
import {
  contentField,
  contentHeader,
  numberField,
  textField,
} from "./protobuf";

/** Weights up to this many bytes stay in the skeleton. */
const MAX_INLINE_BYTES = 1024;

/** So do shapes and indices, which ONNX Runtime reads before other weights. */
const MAX_INLINE_INTEGER_BYTES = 64 * 1024;

/** Largest skeleton that is copied to memory. */
const MAX_SKELETON = 256 * 2 ** 20;

/**
 * The model with each large weight replaced by a reference to external data in
 * the file `location`, which is the original file. ONNX Runtime then reads the
 * weights one by one; given the whole model, it would copy all of them twice.
 */
export async function writeSkeleton(
  graph: OnnxGraph,
  location: string,
): Promise<Uint8Array<ArrayBuffer>> {
  const { file, blob, modelParts, graphParts } = graph;
  const kept = [...modelParts, ...graphParts.filter((part) => !isMoved(part))];
  const size = kept.reduce((sum, { start, end }) => sum + end - start, 0);
  if (size > MAX_SKELETON || blob.size >= EXTERNAL_DATA_LIMIT) {
    throw new VlmError(
      "unsupported",
      `${file} (${Math.round(blob.size / 1e6)} MB) has ${Math.round(size / 1e6)} MB that are not raw weight data and cannot be read piece by piece.`,
      "Export the model again with its weights as initializers in raw_data or external data, in files below 4 GB.",
    );
  }
  const parts = (all: readonly GraphPart[]) =>
    coalesceParts(all).map((part) =>
      isMoved(part)
        ? Uint8Array.from(externalTensorField(part.tensor, location))
        : blob.slice(part.start, part.end),
    );
  const inner = new Blob(parts(graphParts));
  const head = Uint8Array.from(contentHeader(7, inner.size));
  const model = new Blob([...parts(modelParts), head, inner]);
  return readFile(file, model);
}

type MovedPart = GraphPart & {
  readonly tensor: Initializer & { readonly data: TensorLocation };
};

function isMoved(part: GraphPart): part is MovedPart {
  const { tensor } = part;
  if (tensor?.data === undefined) return false;
  const integers = tensor.type === "int64" || tensor.type === "int32";
  return (
    tensor.data.length >
    (integers ? MAX_INLINE_INTEGER_BYTES : MAX_INLINE_BYTES)
  );
}

/** Merges adjacent parts that are copied. */
function coalesceParts(parts: readonly GraphPart[]): GraphPart[] {
  const runs: GraphPart[] = [];
  for (const part of parts) {
    const last = runs.at(-1);
    if (last?.end !== part.start || isMoved(last) || isMoved(part))
      runs.push(part);
    else runs[runs.length - 1] = { start: last.start, end: part.end };
  }
  return runs;
}

/** TensorProto.DataLocation. */
const EXTERNAL = 1;

/** GraphProto.initializer with its elements in external data. */
function externalTensorField(
  { name, type, dims, data }: MovedPart["tensor"],
  location: string,
): number[] {
  const entry = (key: string, value: string | number) =>
    contentField(13, [...textField(1, key), ...textField(2, `${value}`)]);
  return contentField(5, [
    ...dims.flatMap((size) => numberField(1, size)),
    ...numberField(2, dataTypeNumber(type)),
    ...textField(8, name),
    ...entry("location", location),
    ...entry("offset", data.offset),
    ...entry("length", data.length),
    ...numberField(14, EXTERNAL),
  ]);
}
