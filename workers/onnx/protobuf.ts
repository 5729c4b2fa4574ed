/**
 * Reads and writes the part of Protobuf's wire format that ONNX files use:
 * https://protobuf.dev/programming-guides/encoding/
 */

export interface ProtobufField {
  readonly number: number;
  /** The value of a varint field; 0 for other wire types. */
  readonly value: number;
  /** Offset of the tag. */
  readonly at: number;
  /** Offset of the content. */
  readonly start: number;
  /** Offset of the next field. */
  readonly end: number;
}

/** Malformed data; the caller adds the file name. */
export class ProtobufError extends Error {}

/** Most bytes of a tag together with a length or a varint. */
export const MAX_HEADER_BYTES = 20;

const VARINT = 0;
const FIXED64 = 1;
const LENGTH_DELIMITED = 2;
const FIXED32 = 5;

/** Decodes the field at `at`. Its content may end beyond `bytes`. */
export function readField(bytes: Uint8Array, at: number): ProtobufField {
  const tag = readVarint(bytes, at);
  const number = Math.floor(tag.value / 8);
  const start = tag.end;
  if (number === 0) throw new ProtobufError("a field has number 0");
  switch (tag.value % 8) {
    case VARINT:
      return { number, at, start, ...readVarint(bytes, start) };
    case FIXED64:
      return { number, at, start, value: 0, end: start + 8 };
    case LENGTH_DELIMITED: {
      const length = readVarint(bytes, start);
      if (length.value < 0)
        throw new ProtobufError("a field has a negative length");
      const end = length.end + length.value;
      return { number, at, start: length.end, value: 0, end };
    }
    case FIXED32:
      return { number, at, start, value: 0, end: start + 4 };
    default:
      throw new ProtobufError(
        `field ${number} has wire type ${tag.value % 8}, which is unknown`,
      );
  }
}

/** Decodes the fields of a complete message. */
export function* readFields(message: Uint8Array): Generator<ProtobufField> {
  for (let at = 0; at < message.length;) {
    const field = readField(message, at);
    if (!(field.end <= message.length)) throw tooLong(field);
    yield field;
    at = field.end;
  }
}

export function tooLong({ number }: ProtobufField): ProtobufError {
  return new ProtobufError(
    `field ${number} extends beyond its enclosing message`,
  );
}

/** A field's content, which `message` holds whole. */
export function contentOf(
  message: Uint8Array,
  field: ProtobufField,
): Uint8Array {
  return message.subarray(field.start, field.end);
}

const decoder = new TextDecoder();

export function textOf(message: Uint8Array, field: ProtobufField): string {
  return decoder.decode(contentOf(message, field));
}

/** Decodes a float (fixed 32 bits). */
export function floatOf(message: Uint8Array, { start }: ProtobufField): number {
  const { buffer, byteOffset } = message;
  return new DataView(buffer, byteOffset).getFloat32(start, true);
}

/** Decodes a repeated float field, packed or a single element of it. */
export function floatsIn(message: Uint8Array, field: ProtobufField): number[] {
  const count = Math.floor((field.end - field.start) / 4);
  return Array.from({ length: count }, (_, i) =>
    floatOf(message, { ...field, start: field.start + 4 * i }),
  );
}

/** Decodes a repeated varint field, packed or a single element of it. */
export function numbersIn(message: Uint8Array, field: ProtobufField): number[] {
  const content = contentOf(message, field);
  const numbers: number[] = [];
  for (let at = 0; at < content.length;) {
    const { value, end } = readVarint(content, at);
    numbers.push(value);
    at = end;
  }
  return numbers;
}

/** Decodes an int64; values beyond 2^53 are rounded. */
function readVarint(
  bytes: Uint8Array,
  at: number,
): { value: number; end: number } {
  let low = 0;
  let high = 0n;
  for (let i = 0; i < 10; i++) {
    const byte = bytes[at + i];
    if (byte === undefined) throw new ProtobufError("it ends inside a varint");
    const bits = byte & 127;
    if (i < 7) low += bits * 128 ** i;
    else high |= BigInt(bits) << BigInt(7 * i);
    if (byte < 128) {
      const value =
        high === 0n ? low : Number(BigInt.asIntN(64, high | BigInt(low)));
      return { value, end: at + i + 1 };
    }
  }
  throw new ProtobufError("a varint has more than ten bytes");
}

/** Encodes a varint; a negative number as int64 in ten bytes. */
function varint(value: number): number[] {
  const bytes: number[] = [];
  if (value < 0) {
    // Groups of seven bits of the two's complement; the tenth byte has one bit.
    for (let i = 0; i < 9; i++) {
      bytes.push((Math.floor(value / 128 ** i) & 127) | 128);
    }
    return [...bytes, 1];
  }
  for (; value > 127; value = Math.floor(value / 128)) {
    bytes.push((value % 128) | 128);
  }
  return [...bytes, value];
}

export function concatBytes(
  parts: readonly (Uint8Array | readonly number[])[],
): Uint8Array<ArrayBuffer> {
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

/** Tag and length of a length-delimited field. */
export const contentHeader = (field: number, length: number): number[] => [
  ...varint(field * 8 + 2),
  ...varint(length),
];

export const numberField = (field: number, value: number): number[] => [
  ...varint(field * 8),
  ...varint(value),
];

export const contentField = (
  field: number,
  content: readonly number[],
): number[] => [...contentHeader(field, content.length), ...content];

export const textField = (field: number, content: string): number[] =>
  contentField(field, [...new TextEncoder().encode(content)]);

export const bytesField = (field: number, content: Uint8Array): number[] =>
  contentField(field, [...content]);

export const floatField = (field: number, value: number): number[] => [
  ...varint(field * 8 + 5),
  ...new Uint8Array(Float32Array.of(value).buffer),
];
