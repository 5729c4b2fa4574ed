/**
 * JSON values, one a line, each after the CRC-32 of its text. A line that was
 * cut while it was written, and all after it, does not count: what is read back
 * was written whole.
 */

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) {
    crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return crc;
});

function crc32(bytes: Uint8Array): string {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc = (crc >>> 8) ^ (TABLE[(crc ^ byte) & 0xff] ?? 0);
  }
  return (~crc >>> 0).toString(16).padStart(8, "0");
}

const encoder = new TextEncoder();

export function encodeLine(value: unknown): Uint8Array<ArrayBuffer> {
  const json = JSON.stringify(value);
  return encoder.encode(`${crc32(encoder.encode(json))} ${json}\n`);
}

/** The values of the whole lines, and where the first other one begins. */
export function decodeLines(bytes: Uint8Array): {
  readonly values: readonly unknown[];
  readonly end: number;
} {
  const decoder = new TextDecoder();
  const values: unknown[] = [];
  let end = 0;
  for (;;) {
    const stop = bytes.indexOf(0x0a, end);
    const json = bytes.subarray(end + 9, stop);
    const head = decoder.decode(bytes.subarray(end, end + 9));
    if (stop < end + 9 || head !== `${crc32(json)} `) return { values, end };
    values.push(JSON.parse(decoder.decode(json)));
    end = stop + 1;
  }
}
