import { VlmError } from "../../src/shared/errors";
import { unreadable } from "../util/file-errors";
import { bytesOf } from "../util/read-blob";
import type { DataPlace, GraphPart, Initializer, OnnxGraph } from "./onnx";
import { typeNumber } from "./onnx-messages";
import {
  contentField,
  contentHead,
  numberField,
  textField,
} from "./protobuf-writer";

/** Weights up to this many bytes stay inside. */
const SMALL = 1024;

/** Shapes and indices, which the runtime reads before weights, stay too. */
const SMALL_INTEGERS = 64 * 1024;

/** A file with more than this beside its initializers cannot be copied. */
const MAX_SKELETON = 256 * 2 ** 20;

/** External data is addressed by 32 bits. */
const MAX_OFFSET = 2 ** 32;

/**
 * The model without its weights: each is replaced by its place in the file it
 * was in, which goes under the name `location`. The runtime then reads one
 * after another from there, where else it would copy all of them twice.
 */
export async function writeSkeleton(
  graph: OnnxGraph,
  location: string,
): Promise<Uint8Array<ArrayBuffer>> {
  const { file, blob, modelParts, graphParts } = graph;
  const kept = [...modelParts, ...graphParts.filter((part) => !moves(part))];
  const size = kept.reduce((sum, { start, end }) => sum + end - start, 0);
  if (size > MAX_SKELETON || blob.size >= MAX_OFFSET) {
    throw new VlmError(
      "unsupported",
      `${file} holds ${Math.round(size / 1e6)} MB that cannot be read piece by piece.`,
      "Export the model again with its weights as initializers in raw form.",
    );
  }
  const parts = (all: readonly GraphPart[]) =>
    joined(all).map((part) =>
      moves(part)
        ? Uint8Array.from(pointer(part.tensor, location))
        : blob.slice(part.start, part.end),
    );
  const inner = new Blob(parts(graphParts));
  const head = Uint8Array.from(contentHead(7, inner.size));
  const model = new Blob([...parts(modelParts), head, inner]);
  try {
    return await bytesOf(model);
  } catch (error) {
    throw unreadable(file, error);
  }
}

type Weight = GraphPart & {
  readonly tensor: Initializer & { readonly data: DataPlace };
};

function moves(part: GraphPart): part is Weight {
  const { tensor } = part;
  if (tensor?.data === undefined) return false;
  const integers = tensor.type === "int64" || tensor.type === "int32";
  return tensor.data.length > (integers ? SMALL_INTEGERS : SMALL);
}

/** Neighbours that are copied become one part. */
function joined(parts: readonly GraphPart[]): GraphPart[] {
  const runs: GraphPart[] = [];
  for (const part of parts) {
    const last = runs.at(-1);
    if (last?.end !== part.start || moves(last) || moves(part)) runs.push(part);
    else runs[runs.length - 1] = { start: last.start, end: part.end };
  }
  return runs;
}

/** TensorProto.DataLocation. */
const EXTERNAL = 1;

/** The initializer with its elements elsewhere: a field of the graph. */
function pointer(
  { name, type, dims, data }: Weight["tensor"],
  location: string,
): number[] {
  const entry = (key: string, value: string | number) =>
    contentField(13, [...textField(1, key), ...textField(2, `${value}`)]);
  return contentField(5, [
    ...dims.flatMap((size) => numberField(1, size)),
    ...numberField(2, typeNumber(type)),
    ...textField(8, name),
    ...entry("location", location),
    ...entry("offset", data.offset),
    ...entry("length", data.length),
    ...numberField(14, EXTERNAL),
  ]);
}
