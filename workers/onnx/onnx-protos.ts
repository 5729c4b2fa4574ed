/**
 * Decoders for the ONNX messages that are small enough to be read whole. Field
 * numbers follow https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
 */
import {
  contentOf,
  floatOf,
  floatsIn,
  numbersIn,
  ProtobufError,
  readFields,
  textOf,
} from "./protobuf";

/** ValueInfoProto: an input or output. */
export interface ValueInfo {
  readonly name: string;
  readonly type: string;
  /** A string is a symbolic dimension; undefined if not even the rank is known. */
  readonly shape: readonly (number | string)[] | undefined;
}

/** NodeProto with its attributes by type. */
export interface OnnxNode {
  readonly op: string;
  readonly domain: string;
  readonly name: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Attributes of type INT. */
  readonly attributes: ReadonlyMap<string, number>;
  /** Attributes of type FLOAT. */
  readonly floats: ReadonlyMap<string, number>;
  /** Attributes of type STRING. */
  readonly texts: ReadonlyMap<string, string>;
  /** Attributes of type INTS. */
  readonly lists: ReadonlyMap<string, readonly number[]>;
  /** The `value` attribute of a Constant or ConstantOfShape. */
  readonly value?: ConstantTensor;
}

/** TensorProto with its elements, stored as raw bytes or in `float_data`,
 * `int32_data` or `int64_data`. */
export interface ConstantTensor {
  readonly type: string;
  readonly dims: readonly number[];
  readonly bytes?: Uint8Array;
  readonly numbers?: readonly number[];
}

/** TensorProto without its elements. */
export interface TensorHeader {
  readonly name: string;
  readonly type: string;
  readonly dims: readonly number[];
  /** The `external_data` entries, if the elements are in another file. */
  readonly external?: ReadonlyMap<string, string>;
}

interface ElementType {
  readonly name: string;
  /** 0: elements vary in length. */
  readonly bits: number;
}

/** TensorProto.DataType, with the names ONNX Runtime uses. */
const DATA_TYPES: Readonly<Record<number, ElementType>> = {
  1: { name: "float32", bits: 32 },
  2: { name: "uint8", bits: 8 },
  3: { name: "int8", bits: 8 },
  4: { name: "uint16", bits: 16 },
  5: { name: "int16", bits: 16 },
  6: { name: "int32", bits: 32 },
  7: { name: "int64", bits: 64 },
  8: { name: "string", bits: 0 },
  9: { name: "bool", bits: 8 },
  10: { name: "float16", bits: 16 },
  11: { name: "float64", bits: 64 },
  12: { name: "uint32", bits: 32 },
  13: { name: "uint64", bits: 64 },
  14: { name: "complex64", bits: 64 },
  15: { name: "complex128", bits: 128 },
  16: { name: "bfloat16", bits: 16 },
  21: { name: "uint4", bits: 4 },
  22: { name: "int4", bits: 4 },
};

const BITS = new Map(
  Object.values(DATA_TYPES).map(({ name, bits }) => [name, bits]),
);

const dataTypeName = (number: number): string =>
  DATA_TYPES[number]?.name ?? `type ${number}`;

export function dataTypeNumber(name: string): number {
  const known = Object.entries(DATA_TYPES).find(
    ([, type]) => type.name === name,
  );
  return Number(known?.[0] ?? name.replace("type ", ""));
}

/** Bytes that a tensor takes; undefined for an unknown element type. */
export function tensorBytes(
  type: string,
  dims: readonly number[],
): number | undefined {
  const bits = BITS.get(type);
  if (bits === undefined || bits === 0) return undefined;
  return Math.ceil((dims.reduce((a, b) => a * b, 1) * bits) / 8);
}

export function readNode(message: Uint8Array): OnnxNode {
  const inputs: string[] = [];
  const outputs: string[] = [];
  const attributes = new Map<string, number>();
  const floats = new Map<string, number>();
  const texts = new Map<string, string>();
  const lists = new Map<string, readonly number[]>();
  let value: ConstantTensor | undefined;
  let [name, op, domain] = ["", "", ""];
  for (const field of readFields(message)) {
    if (field.number === 1) inputs.push(textOf(message, field));
    if (field.number === 2) outputs.push(textOf(message, field));
    if (field.number === 3) name = textOf(message, field);
    if (field.number === 4) op = textOf(message, field);
    if (field.number === 5) {
      const read = readAttribute(contentOf(message, field));
      if (read.type === INT) attributes.set(read.name, read.int);
      if (read.type === FLOAT) floats.set(read.name, read.float);
      if (read.type === STRING) texts.set(read.name, read.text);
      if (read.type === INTS) lists.set(read.name, read.ints);
      if (read.name === "value") value = read.tensor;
    }
    if (field.number === 7) domain = textOf(message, field);
  }
  const all = { op, domain, name, inputs, outputs };
  return { ...all, attributes, floats, texts, lists, ...(value && { value }) };
}

/** AttributeProto.AttributeType. */
const FLOAT = 1;
const INT = 2;
const STRING = 3;
const INTS = 7;

function readAttribute(message: Uint8Array) {
  let [name, text] = ["", ""];
  let [type, int, float] = [0, 0, 0];
  let tensor: ConstantTensor | undefined;
  const ints: number[] = [];
  for (const field of readFields(message)) {
    if (field.number === 1) name = textOf(message, field);
    if (field.number === 2) float = floatOf(message, field);
    if (field.number === 3) int = field.value;
    if (field.number === 4) text = textOf(message, field);
    if (field.number === 5)
      tensor = readConstantTensor(contentOf(message, field));
    if (field.number === 8) ints.push(...numbersIn(message, field));
    if (field.number === 20) type = field.value;
  }
  return { name, type, int, float, text, ints, tensor };
}

/** Decodes a TensorProto that holds its elements. */
export function readConstantTensor(message: Uint8Array): ConstantTensor {
  const { type, dims } = readTensorHeader(message);
  const numbers: number[] = [];
  let bytes: Uint8Array | undefined;
  for (const field of readFields(message)) {
    if (field.number === 4) numbers.push(...floatsIn(message, field));
    if ([5, 7].includes(field.number)) {
      numbers.push(...numbersIn(message, field));
    }
    if (field.number === 9) bytes = contentOf(message, field);
  }
  if (bytes !== undefined) return { type, dims, bytes };
  return { type, dims, ...(numbers.length > 0 && { numbers }) };
}

export function readValueInfo(message: Uint8Array): ValueInfo {
  let name = "";
  let type = "not a tensor";
  let shape: (number | string)[] | undefined;
  for (const field of readFields(message)) {
    if (field.number === 1) name = textOf(message, field);
    if (field.number !== 2) continue;
    for (const tensor of messagesIn(contentOf(message, field), 1)) {
      for (const part of readFields(tensor)) {
        if (part.number === 1) type = dataTypeName(part.value);
        if (part.number !== 2) continue;
        shape = [...messagesIn(contentOf(tensor, part), 1)].map(readDim);
      }
    }
  }
  return { name, type, shape };
}

function readDim(message: Uint8Array): number | string {
  for (const field of readFields(message)) {
    if (field.number === 1) return field.value;
    if (field.number === 2) return textOf(message, field);
  }
  return "?";
}

function* messagesIn(
  message: Uint8Array,
  number: number,
): Generator<Uint8Array> {
  for (const field of readFields(message)) {
    if (field.number === number) yield contentOf(message, field);
  }
}

/** Higher ranks are treated as damage. */
const MAX_DIMS = 32;

/** Decodes a TensorProto whose elements may be left out of `message`. */
export function readTensorHeader(message: Uint8Array): TensorHeader {
  let name = "";
  let type = "type 0";
  const dims: number[] = [];
  const external = new Map<string, string>();
  for (const field of readFields(message)) {
    if (field.number === 1) dims.push(...numbersIn(message, field));
    if (field.number === 2) type = dataTypeName(field.value);
    if (field.number === 8) name = textOf(message, field);
    if (field.number === 13) {
      const [key, value] = readStringEntry(contentOf(message, field));
      external.set(key, value);
    }
    if (dims.length > MAX_DIMS)
      throw new ProtobufError(
        `tensor ${name} has more than ${MAX_DIMS} dimensions`,
      );
  }
  if (dims.some((size) => size < 0)) {
    throw new ProtobufError(`tensor ${name} has a negative dimension`);
  }
  return { name, type, dims, ...(external.size > 0 && { external }) };
}

/** Decodes a StringStringEntryProto. */
export function readStringEntry(message: Uint8Array): [string, string] {
  let key = "";
  let value = "";
  for (const field of readFields(message)) {
    if (field.number === 1) key = textOf(message, field);
    if (field.number === 2) value = textOf(message, field);
  }
  return [key, value];
}

/** Decodes an OperatorSetIdProto. */
export function readOpsetId(message: Uint8Array): [string, number] {
  let domain = "";
  let version = 0;
  for (const field of readFields(message)) {
    if (field.number === 1) domain = textOf(message, field);
    if (field.number === 2) version = field.value;
  }
  return [domain, version];
}
