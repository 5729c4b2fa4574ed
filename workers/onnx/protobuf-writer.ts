/** Protobuf's wire format, written; `protobuf.ts` reads it. */

/** Below zero as int64 is: ten bytes. */
function varint(value: number): number[] {
  const bytes: number[] = [];
  if (value < 0) {
    // Seven bits at a time of the two's complement; the tenth byte has one.
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

/** What precedes content of `length` bytes. */
export const contentHead = (field: number, length: number): number[] => [
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
): number[] => [...contentHead(field, content.length), ...content];

export const textField = (field: number, content: string): number[] =>
  contentField(field, [...new TextEncoder().encode(content)]);

export const bytesField = (field: number, content: Uint8Array): number[] =>
  contentField(field, [...content]);

export const floatField = (field: number, value: number): number[] => [
  ...varint(field * 8 + 5),
  ...new Uint8Array(Float32Array.of(value).buffer),
];
