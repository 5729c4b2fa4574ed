import { ascii } from "./image-format";

type Bytes = Uint8Array<ArrayBuffer>;

/** The signature and the first chunk, IHDR, without its checksum. */
const HEADER = 29;

/** Completes a PNG file that has no IEND chunk; undefined if pixels are missing. */
export async function withPngEnd(bytes: Bytes): Promise<Blob | undefined> {
  if (bytes.length < HEADER) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const parts: Bytes[] = [];
  let pixelsAt: number | undefined;
  let at = 8;
  while (at + 8 <= bytes.length) {
    const end = at + 8 + view.getUint32(at);
    if (ascii(bytes, at + 4, 4) === "IDAT") {
      pixelsAt ??= at;
      parts.push(bytes.subarray(at + 8, end));
    }
    at = end + 4;
  }
  const data = new Uint8Array(await new Blob(parts).arrayBuffer());
  if ((await inflatedLength(data)) < pixelLength(view)) return undefined;
  const before = bytes.subarray(0, pixelsAt);
  const file = [
    before,
    ...chunk("IDAT", data),
    ...chunk("IEND", Uint8Array.of()),
  ];
  return new Blob(file, { type: "image/png" });
}

/** First column and row of each pass of an interlaced PNG, and their steps. */
const PASSES = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
] as const;

/** Bytes of all rows: each is a filter and its pixels. */
function pixelLength(view: DataView): number {
  const [width, height] = [view.getUint32(16), view.getUint32(20)];
  const [depth, color] = [view.getUint8(24), view.getUint8(25)];
  const isInterlaced = view.getUint8(28) === 1;
  // By color type: grey, RGB, palette, grey and alpha, RGBA.
  const channels = [1, 0, 3, 1, 2, 0, 4][color] ?? 0;
  let length = 0;
  const passes = isInterlaced ? PASSES : ([[0, 0, 1, 1]] as const);
  for (const [x, y, stepX, stepY] of passes) {
    const columns = Math.ceil((width - x) / stepX);
    const rows = Math.ceil((height - y) / stepY);
    if (columns <= 0 || rows <= 0) continue;
    length += rows * (1 + Math.ceil((columns * channels * depth) / 8));
  }
  return length;
}

/** The number of bytes that zlib data decompresses to, as far as it goes. */
async function inflatedLength(data: Uint8Array<ArrayBuffer>): Promise<number> {
  const { readable, writable } = new DecompressionStream("deflate");
  let length = 0;
  const count = new WritableStream<Uint8Array>({
    write: (chunk) => {
      length += chunk.byteLength;
    },
  });
  const counting = readable.pipeTo(count);
  const writer = writable.getWriter();
  const writing = (async () => {
    await writer.write(data);
    // Written once all output is read; an error would drop the rest of it.
    await writer.write(new Uint8Array(0));
    await writer.close();
  })();
  // The end is missing.
  await Promise.allSettled([writing, counting]);
  return length;
}

/** Length, name, data and checksum. */
function chunk(name: string, data: Bytes): Bytes[] {
  const named = new Uint8Array(4 + data.length);
  named.set(new TextEncoder().encode(name));
  named.set(data, 4);
  const word = (value: number): Bytes => {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, value);
    return bytes;
  };
  return [word(data.length), named, word(crc32(named))];
}

function crc32(bytes: Uint8Array): number {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) {
      crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
    }
  }
  return ~crc >>> 0;
}
