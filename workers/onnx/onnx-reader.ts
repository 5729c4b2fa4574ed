import { corrupt, unreadable } from "../util/file-errors";
import { bytesOf } from "../util/read-blob";
import {
  tensorBytes,
  readConstantTensor,
  readStringEntry,
  readNode,
  readOpsetId,
  readTensorHeader,
  readValueInfo,
  type OnnxNode,
  type TensorHeader,
  type ValueInfo,
} from "./onnx-protos";
import {
  concatBytes,
  MAX_HEADER_BYTES,
  ProtobufError,
  readField,
  tooLong,
  type ProtobufField,
} from "./protobuf";

/** The bytes of a file from `start` up to `end`. */
interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** Where the elements of a tensor are stored. */
export interface TensorLocation {
  /** External file in the folder of the graph; absent: the graph's own file. */
  readonly location?: string;
  readonly offset: number;
  readonly length: number;
}

/** A weight: a tensor that is part of the model. */
export interface Initializer {
  readonly name: string;
  readonly type: string;
  readonly dims: readonly number[];
  /** Absent if the elements are stored as varints. */
  readonly data?: TensorLocation;
  /** The elements of a small tensor in `int32_data` or `int64_data`. */
  readonly numbers?: readonly number[];
}

/** The structure of an ONNX file; its weights stay in the file. */
export interface OnnxGraph {
  /** Path for error messages, such as `onnx/vision_encoder.onnx`. */
  readonly file: string;
  readonly blob: Blob;
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  readonly nodes: readonly OnnxNode[];
  readonly initializers: ReadonlyMap<string, Initializer>;
  /** Names of the external data files. */
  readonly externalFiles: readonly string[];
  /** Opset versions by domain; the standard domain is the empty string. */
  readonly opsets: ReadonlyMap<string, number>;
  readonly metadata: ReadonlyMap<string, string>;
  /** The fields of the ModelProto other than the graph, in file order. */
  readonly modelParts: readonly ByteRange[];
  /** The fields of the GraphProto, in file order. */
  readonly graphParts: readonly GraphPart[];
}

/** `tensor` is set for an initializer with its bytes in this file. */
export interface GraphPart extends ByteRange {
  readonly tensor?: Initializer;
}

/** Largest message other than a weight that is read. */
const MAX_MESSAGE = 64 * 2 ** 20;

/** Largest field of a TensorProto that is read, apart from raw data. */
const MAX_TENSOR_FIELD = 4096;

/** Far more fields than models have: a damaged file may claim any number. */
const MAX_FIELDS = 400_000;

/** Reads the structure of a model without its weights. Throws `model-corrupt` or
 * `model-file-missing`, naming `file`. */
export async function readOnnx(file: string, blob: Blob): Promise<OnnxGraph> {
  try {
    return await new OnnxReader(file, blob).read();
  } catch (error) {
    if (error instanceof ProtobufError)
      throw corrupt(file, error.message, error);
    if (error instanceof DOMException) throw unreadable(file, error);
    throw error;
  }
}

class OnnxReader {
  readonly #file: string;
  readonly #blob: Blob;
  readonly #reader: SliceReader;
  readonly #inputs: ValueInfo[] = [];
  readonly #outputs: ValueInfo[] = [];
  readonly #nodes: OnnxNode[] = [];
  readonly #initializers = new Map<string, Initializer>();
  readonly #opsets = new Map<string, number>();
  readonly #metadata = new Map<string, string>();
  readonly #modelParts: ByteRange[] = [];
  readonly #graphParts: GraphPart[] = [];
  #fieldCount = 0;

  constructor(file: string, blob: Blob) {
    this.#file = file;
    this.#blob = blob;
    this.#reader = new SliceReader(blob);
  }

  async read(): Promise<OnnxGraph> {
    let graph: ProtobufField | undefined;
    for await (const field of this.#fields(0, this.#blob.size)) {
      if (field.number === 7 && graph !== undefined) {
        throw new ProtobufError("it contains two graphs");
      }
      if (field.number === 7) graph = field;
      else this.#modelParts.push({ start: field.at, end: field.end });
      if (field.number === 8) {
        this.#opsets.set(...readOpsetId(await this.#content(field)));
      }
      if (field.number === 14) {
        this.#metadata.set(...readStringEntry(await this.#content(field)));
      }
    }
    if (graph === undefined) throw new ProtobufError("it contains no graph");
    await this.#readGraph(graph);
    if (this.#nodes.length === 0)
      throw new ProtobufError("its graph has no nodes");
    const locations = [...this.#initializers.values()].map(
      ({ data }) => data?.location,
    );
    return {
      file: this.#file,
      blob: this.#blob,
      inputs: this.#inputs.filter(({ name }) => !this.#initializers.has(name)),
      outputs: this.#outputs,
      nodes: this.#nodes,
      initializers: this.#initializers,
      externalFiles: [...new Set(locations)].filter(
        (location) => location !== undefined,
      ),
      opsets: this.#opsets,
      metadata: this.#metadata,
      modelParts: this.#modelParts,
      graphParts: this.#graphParts,
    };
  }

  async #readGraph(graph: ProtobufField): Promise<void> {
    for await (const field of this.#fields(graph.start, graph.end)) {
      const { at: start, end } = field;
      if (field.number === 5) {
        const tensor = await this.#readTensor(field);
        this.#initializers.set(tensor.name, tensor);
        const here = tensor.data !== undefined && !tensor.data.location;
        this.#graphParts.push({ start, end, ...(here && { tensor }) });
        continue;
      }
      this.#graphParts.push({ start, end });
      if (field.number === 1) {
        this.#nodes.push(readNode(await this.#content(field)));
      }
      if (field.number === 11) {
        this.#inputs.push(readValueInfo(await this.#content(field)));
      }
      if (field.number === 12) {
        this.#outputs.push(readValueInfo(await this.#content(field)));
      }
    }
  }

  async #readTensor(tensor: ProtobufField): Promise<Initializer> {
    const head: Uint8Array[] = [];
    let raw: ProtobufField | undefined;
    let floats: ProtobufField | undefined;
    for await (const field of this.#fields(tensor.start, tensor.end)) {
      if (field.number === 9) raw = field;
      if (field.number === 4) floats = field;
      const numbers = [4, 5, 7].includes(field.number);
      if (!numbers && ![1, 2, 8, 13].includes(field.number)) continue;
      const length = field.end - field.at;
      if (length > MAX_TENSOR_FIELD) {
        if (numbers) continue;
        throw tooLong(field);
      }
      head.push((await this.#reader.read(field.at, length)).slice());
    }
    const message = concatBytes(head);
    const facts = readTensorHeader(message);
    const { numbers } = readConstantTensor(message);
    const { name, type, dims } = facts;
    const wanted = tensorBytes(type, dims);
    // Packed float_data has the same bytes as raw data.
    const packed = floats && floats.end - floats.start === wanted;
    const inline = raw ?? (packed && type === "float32" ? floats : undefined);
    const data =
      inline === undefined ? externalLocation(facts) : inlineLocation(inline);
    if (data !== undefined && wanted !== undefined && data.length !== wanted) {
      throw new ProtobufError(
        `weight ${name} has ${data.length} bytes where its shape needs ${wanted}`,
      );
    }
    const few = data === undefined && numbers && { numbers };
    return { name, type, dims, ...(data && { data }), ...few };
  }

  /** The fields from `start` up to `limit`, without their content. */
  async *#fields(start: number, limit: number): AsyncGenerator<ProtobufField> {
    for (let at = start; at < limit;) {
      const head = await this.#reader.read(
        at,
        Math.min(MAX_HEADER_BYTES, limit - at),
      );
      const field = readField(head, 0);
      const absolute = {
        ...field,
        at,
        start: at + field.start,
        end: at + field.end,
      };
      if (absolute.end > limit) throw tooLong(field);
      this.#fieldCount += 1;
      if (this.#fieldCount > MAX_FIELDS) {
        throw new ProtobufError(`it has more than ${MAX_FIELDS} fields`);
      }
      yield absolute;
      at = absolute.end;
    }
  }

  async #content({ start, end }: ProtobufField): Promise<Uint8Array> {
    if (end - start > MAX_MESSAGE) {
      throw new ProtobufError(
        "a field other than a weight is larger than 64 MB",
      );
    }
    return this.#reader.read(start, end - start);
  }
}

const inlineLocation = ({ start, end }: ProtobufField): TensorLocation => ({
  offset: start,
  length: end - start,
});

function externalLocation({ name, type, dims, external }: TensorHeader) {
  if (external === undefined) return undefined;
  const location = external.get("location")?.replace(/^\.\//, "") ?? "";
  if (location === "" || /[/\\]|^\.\.?$/.test(location)) {
    throw new ProtobufError(
      `weight ${name} refers to external file “${location}”, which is not a file name in the same folder`,
    );
  }
  const offset = Number(external.get("offset") ?? 0);
  const length = Number(external.get("length") ?? tensorBytes(type, dims));
  if (![offset, length].every((n) => Number.isSafeInteger(n) && n >= 0)) {
    throw new ProtobufError(
      `weight ${name} has an invalid offset or length in ${location}`,
    );
  }
  return { location, offset, length };
}

const MIN_SLICE = 4096;
const MAX_SLICE = 256 * 1024;

/**
 * Reads a Blob in slices: sequential reads in growing slices, a read after a jump
 * in a small one. The structure of a model is dense, with weights in between.
 */
class SliceReader {
  readonly size: number;
  readonly #blob: Blob;
  #from = 0;
  #held = new Uint8Array(0);
  #step = MIN_SLICE;

  constructor(blob: Blob) {
    this.#blob = blob;
    this.size = blob.size;
  }

  /** Reads `length` bytes at `at`; fewer at the end of the file. */
  async read(at: number, length: number): Promise<Uint8Array> {
    const end = Math.min(at + length, this.size);
    const heldUntil = this.#from + this.#held.length;
    if (at < this.#from || end > heldUntil) {
      const follows = at >= this.#from && at <= heldUntil;
      this.#step = follows ? Math.min(this.#step * 2, MAX_SLICE) : MIN_SLICE;
      const until = Math.max(end, at + this.#step);
      const slice = this.#blob.slice(at, until);
      this.#held = await bytesOf(slice);
      this.#from = at;
    }
    return this.#held.subarray(at - this.#from, end - this.#from);
  }
}
