/** Formats whose end can be checked; browsers decode others, too. */
export type ImageType = "png" | "jpeg" | "gif" | "webp" | "avif";

export function imageType(bytes: Uint8Array): ImageType | undefined {
  const head = ascii(bytes, 0, 12);
  if (head.startsWith("\x89PNG\r\n\x1a\n")) return "png";
  if (head.startsWith("\xff\xd8\xff")) return "jpeg";
  if (head.startsWith("GIF8")) return "gif";
  if (head.startsWith("RIFF") && head.slice(8) === "WEBP") return "webp";
  if (/^ftypavi[fs]/.test(head.slice(4))) return "avif";
  return undefined;
}

/**
 * Whether a file has all pixels of its first image: browsers show the available
 * part of a truncated file and report no error. Other bytes may follow.
 *
 * `undefined` for PNG and JPEG without an end marker, which may have all pixels.
 */
export function isComplete(
  bytes: Uint8Array,
  type: ImageType | undefined,
): boolean | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  switch (type) {
    case "png":
      return endsPng(view, bytes);
    case "jpeg":
      return endsJpeg(view);
    case "gif":
      return endsGif(view, bytes);
    case "webp":
      return endsWebp(view, bytes);
    case "avif":
      return endsBoxes(view, bytes);
    case undefined:
      return true;
  }
}

/** PNG: chunks of length, name, data and checksum; the last one is IEND. */
function endsPng(view: DataView, bytes: Uint8Array): true | undefined {
  let at = 8;
  while (at + 8 <= view.byteLength) {
    if (ascii(bytes, at + 4, 4) === "IEND") return true;
    at += 12 + view.getUint32(at);
  }
  return undefined;
}

/**
 * JPEG: segments of marker and length. A scan header is followed by coded bytes,
 * in which FF is followed by 00 or a restart marker (D0–D7). Ends with FFD9. The
 * first scan of a progressive file has all pixels, in lower quality.
 */
function endsJpeg(view: DataView): boolean | undefined {
  let at = 2;
  let isProgressive = false;
  let scans = 0;
  while (at + 2 <= view.byteLength) {
    if (view.getUint8(at) !== 0xff) {
      at += 1;
      continue;
    }
    const marker = view.getUint8(at + 1);
    const coded = marker === 0 || (marker >= 0xd0 && marker <= 0xd7);
    if (marker === 0xd9) return true;
    if (marker === 0xff) at += 1;
    else if (coded || at + 4 > view.byteLength) at += 2;
    else {
      at += 2 + view.getUint16(at + 2);
      if (marker === 0xc2) isProgressive = true;
      if (marker === 0xda && at <= view.byteLength) scans += 1;
    }
  }
  if (isProgressive && scans > 1) return true;
  return scans === 0 ? false : undefined;
}

/**
 * GIF: a header, then blocks of sub-blocks. The sub-blocks of an image are LZW
 * codes and end with an empty one.
 */
function endsGif(view: DataView, bytes: Uint8Array): boolean {
  const tableLength = (flags: number): number =>
    flags & 0x80 ? 3 << ((flags & 7) + 1) : 0;
  const { byteLength } = view;
  if (byteLength < 13) return false;
  let at = 13 + tableLength(view.getUint8(10));
  while (at < byteLength) {
    const block = view.getUint8(at);
    if (block === 0x2c && at + 10 <= byteLength) {
      const pixels =
        view.getUint16(at + 5, true) * view.getUint16(at + 7, true);
      at += 10 + tableLength(view.getUint8(at + 9));
      if (at >= byteLength) return false;
      const { data, isEnded } = readSubBlocks(bytes, at + 1);
      return isEnded || lzwLength(data, view.getUint8(at), pixels) >= pixels;
    }
    // Anything other than an extension ends the file.
    if (block !== 0x21) return false;
    at = readSubBlocks(bytes, at + 2).end;
  }
  return false;
}

/** Sub-blocks of length and data, up to an empty one or the end of the file. */
function readSubBlocks(bytes: Uint8Array, from: number) {
  const data: number[] = [];
  let at = from;
  for (;;) {
    const length = bytes[at];
    if (length === undefined) return { data, end: at, isEnded: false };
    at += 1;
    if (length === 0) return { data, end: at, isEnded: true };
    for (const byte of bytes.subarray(at, at + length)) data.push(byte);
    at += length;
  }
}

/** How many pixels the LZW codes of a GIF stand for, at most `limit`. */
function lzwLength(
  data: readonly number[],
  minBits: number,
  limit: number,
): number {
  const clear = 1 << minBits;
  // Pixels of each code; the entries for `clear` and the end are not used.
  const lengths = new Uint32Array(4096).fill(1, 0, clear);
  let next = clear + 2;
  let bits = minBits + 1;
  let previous = 0;
  let total = 0;
  let buffer = 0;
  let held = 0;
  for (const byte of data) {
    buffer |= byte << held;
    held += 8;
    while (held >= bits && total < limit) {
      const code = buffer & ((1 << bits) - 1);
      buffer >>>= bits;
      held -= bits;
      if (code === clear + 1) return total;
      if (code === clear) {
        next = clear + 2;
        bits = minBits + 1;
        previous = 0;
        continue;
      }
      if (previous > 0 && next < 4096) {
        lengths[next] = previous + 1;
        next += 1;
        if (next === 1 << bits && bits < 12) bits += 1;
      }
      previous = lengths[code] ?? 0;
      total += previous;
    }
  }
  return total;
}

/** WebP: chunks of name, length and data, padded to even. */
function endsWebp(view: DataView, bytes: Uint8Array): boolean {
  let at = 12;
  while (at + 8 <= view.byteLength) {
    const end = at + 8 + view.getUint32(at + 4, true);
    if (["VP8 ", "VP8L", "ANMF"].includes(ascii(bytes, at, 4))) {
      return end <= view.byteLength;
    }
    at = end + (end % 2);
  }
  return false;
}

/** AVIF: boxes of length and name. Length 0 extends to the end of the file; 1 is
 * followed by a length of 64 bits. */
function endsBoxes(view: DataView, bytes: Uint8Array): boolean {
  let at = 0;
  let hasData = false;
  while (at + 8 <= view.byteLength) {
    const size = view.getUint32(at);
    if (size === 0) return true;
    const wide = size === 1 && at + 16 <= view.byteLength;
    const length = wide ? Number(view.getBigUint64(at + 8)) : size;
    // Bytes after the last box.
    if (length < 8) break;
    hasData ||= ascii(bytes, at + 4, 4) === "mdat";
    at += length;
  }
  return at === view.byteLength || (hasData && at < view.byteLength);
}

export function ascii(bytes: Uint8Array, from: number, length: number): string {
  return String.fromCharCode(...bytes.subarray(from, from + length));
}
