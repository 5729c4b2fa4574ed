import { corrupt, unreadable } from "../util/file-errors";
import { BlobReader } from "./blob-reader";
import {
  bytesOf,
  readConstant,
  readEntry,
  readNode,
  readOpset,
  readTensorHead,
  readValue,
  type OnnxNode,
  type TensorHead,
  type ValueInfo,
} from "./onnx-messages";
import {
  LONGEST_HEAD,
  ProtobufError,
  readField,
  tooLong,
  type Field,
} from "./protobuf";

export type { OnnxNode, ValueInfo } from "./onnx-messages";

/** Bytes from `start` to `end` of a file. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/** Where the elements of a tensor are. */
export interface DataPlace {
  /** A file beside the graph's; undefined: the graph's own. */
  readonly location?: string;
  readonly offset: number;
  readonly length: number;
}

/** A tensor of the graph that is there before it runs: a weight. */
export interface Initializer {
  readonly name: string;
  readonly type: string;
  readonly dims: readonly number[];
  /** Absent if they are not stored as plain bytes. */
  readonly data?: DataPlace;
  /** Few elements that are stored as numbers of their type. */
  readonly numbers?: readonly number[];
}

/** What an ONNX file says of itself; the weights stay where they are. */
export interface OnnxGraph {
  /** For errors, e.g. `onnx/vision_encoder.onnx`. */
  readonly file: string;
  readonly blob: Blob;
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  readonly nodes: readonly OnnxNode[];
  readonly initializers: ReadonlyMap<string, Initializer>;
  /** Names of the files beside it that hold weights. */
  readonly externalFiles: readonly string[];
  /** By domain; the standard one's name is empty. */
  readonly opsets: ReadonlyMap<string, number>;
  readonly metadata: ReadonlyMap<string, string>;
  /** The file's parts in their order, those of the graph apart. */
  readonly modelParts: readonly Range[];
  readonly graphParts: readonly GraphPart[];
}

/** `tensor` is set where the part is an initializer with bytes in this file. */
export interface GraphPart extends Range {
  readonly tensor?: Initializer;
}

/** Largest message other than weights that is read at once. */
const MAX_MESSAGE = 64 * 2 ** 20;

/** Of what is read of a tensor, field by field. */
const MAX_HEAD = 4096;

/** Far more nodes and weights than graphs have; damage may claim any number. */
const MAX_PARTS = 200_000;

/** Reads the structure of `blob`, never its weights. */
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
  readonly #reader: BlobReader;
  readonly #inputs: ValueInfo[] = [];
  readonly #outputs: ValueInfo[] = [];
  readonly #nodes: OnnxNode[] = [];
  readonly #initializers = new Map<string, Initializer>();
  readonly #opsets = new Map<string, number>();
  readonly #metadata = new Map<string, string>();
  readonly #modelParts: Range[] = [];
  readonly #graphParts: GraphPart[] = [];
  #parts = 0;

  constructor(file: string, blob: Blob) {
    this.#file = file;
    this.#blob = blob;
    this.#reader = new BlobReader(blob);
  }

  async read(): Promise<OnnxGraph> {
    let graph: Field | undefined;
    for await (const field of this.#fields(0, this.#blob.size)) {
      if (field.number === 7 && graph !== undefined) {
        throw new ProtobufError("it has two graphs");
      }
      if (field.number === 7) graph = field;
      else this.#modelParts.push({ start: field.at, end: field.end });
      if (field.number === 8) {
        this.#opsets.set(...readOpset(await this.#content(field)));
      }
      if (field.number === 14) {
        this.#metadata.set(...readEntry(await this.#content(field)));
      }
    }
    if (graph === undefined) throw new ProtobufError("it has no graph");
    await this.#readGraph(graph);
    if (this.#nodes.length === 0) throw new ProtobufError("it has no nodes");
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

  async #readGraph(graph: Field): Promise<void> {
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
        this.#inputs.push(readValue(await this.#content(field)));
      }
      if (field.number === 12) {
        this.#outputs.push(readValue(await this.#content(field)));
      }
    }
  }

  async #readTensor(tensor: Field): Promise<Initializer> {
    const head: Uint8Array[] = [];
    let raw: Field | undefined;
    for await (const field of this.#fields(tensor.start, tensor.end)) {
      if (field.number === 9) raw = field;
      const numbers = [4, 5, 7].includes(field.number);
      if (!numbers && ![1, 2, 8, 13].includes(field.number)) continue;
      const length = field.end - field.at;
      if (length > MAX_HEAD) {
        if (numbers) continue;
        throw tooLong(field);
      }
      head.push((await this.#reader.read(field.at, length)).slice());
    }
    const message = concat(head);
    const facts = readTensorHead(message);
    const { numbers } = readConstant(message);
    const { name, type, dims } = facts;
    const data = raw === undefined ? placeOf(facts) : rangeOf(raw);
    const wanted = bytesOf(type, dims);
    if (data !== undefined && wanted !== undefined && data.length !== wanted) {
      throw new ProtobufError(
        `${name} has ${data.length} bytes, and its shape ${wanted}`,
      );
    }
    const few = data === undefined && numbers && { numbers };
    return { name, type, dims, ...(data && { data }), ...few };
  }

  /** The fields between two places, without what is in them. */
  async *#fields(start: number, limit: number): AsyncGenerator<Field> {
    for (let at = start; at < limit;) {
      const head = await this.#reader.read(
        at,
        Math.min(LONGEST_HEAD, limit - at),
      );
      const field = readField(head, 0);
      const absolute = {
        ...field,
        at,
        start: at + field.start,
        end: at + field.end,
      };
      if (absolute.end > limit) throw tooLong(field);
      this.#parts += 1;
      if (this.#parts > MAX_PARTS * 8) {
        throw new ProtobufError("it has more parts than any graph");
      }
      yield absolute;
      at = absolute.end;
    }
  }

  async #content({ start, end }: Field): Promise<Uint8Array> {
    if (end - start > MAX_MESSAGE) {
      throw new ProtobufError("a part that is no weight is larger than 64 MB");
    }
    return this.#reader.read(start, end - start);
  }
}

const rangeOf = ({ start, end }: Field): DataPlace => ({
  offset: start,
  length: end - start,
});

function placeOf({ name, type, dims, external }: TensorHead) {
  if (external === undefined) return undefined;
  const location = external.get("location")?.replace(/^\.\//, "") ?? "";
  if (location === "" || /[/\\]|^\.\.?$/.test(location)) {
    throw new ProtobufError(
      `${name} is said to be in “${location}”, which is no file beside it`,
    );
  }
  const offset = Number(external.get("offset") ?? 0);
  const length = Number(external.get("length") ?? bytesOf(type, dims));
  if (![offset, length].every((n) => Number.isSafeInteger(n) && n >= 0)) {
    throw new ProtobufError(`${name} has no sensible place in ${location}`);
  }
  return { location, offset, length };
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(
    parts.reduce((sum, { length }) => sum + length, 0),
  );
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
