/** Protobuf's wire format, written; `protobuf.ts` reads it. */

function varint(value: number): number[] {
  const bytes: number[] = [];
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
