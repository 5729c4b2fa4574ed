/**
 * Protobuf's wire format, as much of it as ONNX files use:
 * https://protobuf.dev/programming-guides/encoding/
 */

export interface Field {
  readonly number: number;
  /** Of a number; 0 if the field has content. */
  readonly value: number;
  /** The field begins here … */
  readonly at: number;
  /** … its content here … */
  readonly start: number;
  /** … and the next field here. */
  readonly end: number;
}

/** Says what is wrong, not with which file. */
export class ProtobufError extends Error {}

/** A tag and a length, or a tag and a number, are no longer than this. */
export const LONGEST_HEAD = 20;

const VARINT = 0;
const FIXED64 = 1;
const CONTENT = 2;
const FIXED32 = 5;

/** The field at `at`. Its content may end beyond `bytes`. */
export function readField(bytes: Uint8Array, at: number): Field {
  const tag = readVarint(bytes, at);
  const number = Math.floor(tag.value / 8);
  const start = tag.end;
  if (number === 0) throw new ProtobufError("a field has no number");
  switch (tag.value % 8) {
    case VARINT:
      return { number, at, start, ...readVarint(bytes, start) };
    case FIXED64:
      return { number, at, start, value: 0, end: start + 8 };
    case CONTENT: {
      const length = readVarint(bytes, start);
      if (length.value < 0) throw new ProtobufError("a length is negative");
      const end = length.end + length.value;
      return { number, at, start: length.end, value: 0, end };
    }
    case FIXED32:
      return { number, at, start, value: 0, end: start + 4 };
    default:
      throw new ProtobufError(`field ${number} is of no known kind`);
  }
}

/** The fields of a whole message. */
export function* readFields(message: Uint8Array): Generator<Field> {
  for (let at = 0; at < message.length;) {
    const field = readField(message, at);
    if (!(field.end <= message.length)) throw tooLong(field);
    yield field;
    at = field.end;
  }
}

export function tooLong({ number }: Field): ProtobufError {
  return new ProtobufError(`field ${number} is longer than what holds it`);
}

/** A field's content, which `message` holds whole. */
export function contentOf(message: Uint8Array, field: Field): Uint8Array {
  return message.subarray(field.start, field.end);
}

const decoder = new TextDecoder();

export function textOf(message: Uint8Array, field: Field): string {
  return decoder.decode(contentOf(message, field));
}

/** A float of 32 bits. */
export function floatOf(message: Uint8Array, { start }: Field): number {
  const { buffer, byteOffset } = message;
  return new DataView(buffer, byteOffset).getFloat32(start, true);
}

/** The floats of a repeated field, packed or one of several such fields. */
export function floatsIn(message: Uint8Array, field: Field): number[] {
  const count = Math.floor((field.end - field.start) / 4);
  return Array.from({ length: count }, (_, i) =>
    floatOf(message, { ...field, start: field.start + 4 * i }),
  );
}

/** The numbers of a repeated field, packed or one of several such fields. */
export function numbersIn(message: Uint8Array, field: Field): number[] {
  const content = contentOf(message, field);
  const numbers: number[] = [];
  for (let at = 0; at < content.length;) {
    const { value, end } = readVarint(content, at);
    numbers.push(value);
    at = end;
  }
  return numbers;
}

/** Signed, as int64 is; beyond 2^53 it is rounded. */
function readVarint(
  bytes: Uint8Array,
  at: number,
): { value: number; end: number } {
  let low = 0;
  let high = 0n;
  for (let i = 0; i < 10; i++) {
    const byte = bytes[at + i];
    if (byte === undefined) throw new ProtobufError("it ends in mid-number");
    const bits = byte & 127;
    if (i < 7) low += bits * 128 ** i;
    else high |= BigInt(bits) << BigInt(7 * i);
    if (byte < 128) {
      const value =
        high === 0n ? low : Number(BigInt.asIntN(64, high | BigInt(low)));
      return { value, end: at + i + 1 };
    }
  }
  throw new ProtobufError("a number has more than ten bytes");
}
