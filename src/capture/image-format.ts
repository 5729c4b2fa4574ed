/**
 * Detects the format of an image file and whether it is complete. Browsers show
 * the available part of a truncated file and report no error.
 */
export type ImageType = "png" | "jpeg" | "gif" | "webp" | "avif" | "svg";

export function imageType(bytes: Uint8Array): ImageType | undefined {
  const head = ascii(bytes, 0, 512);
  if (head.startsWith("\x89PNG\r\n\x1a\n")) return "png";
  if (head.startsWith("\xff\xd8\xff")) return "jpeg";
  if (head.startsWith("GIF8")) return "gif";
  if (head.startsWith("RIFF") && head.slice(8, 12) === "WEBP") return "webp";
  if (head.slice(4, 12) === "ftypavif" || head.slice(4, 12) === "ftypavis") {
    return "avif";
  }
  if (
    /^(\xef\xbb\xbf)?\s*(<\?xml[^>]*>|<!--[^]*?-->|<!DOCTYPE[^>]*>|\s)*<svg/i.test(
      head,
    )
  ) {
    return "svg";
  }
  return undefined;
}

export function isComplete(
  bytes: Uint8Array,
  type: ImageType | undefined,
): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  switch (type) {
    case "png":
      return endsPng(view, bytes);
    case "jpeg":
      return endsJpeg(view);
    case "gif":
      return bytes.includes(0x3b, Math.max(13, bytes.length - 16));
    case "webp":
      return bytes.length >= 12 && bytes.length >= 8 + view.getUint32(4, true);
    case "avif":
      return endsBoxes(view);
    case "svg":
    case undefined:
      return true;
  }
}

/** PNG: chunks of length, name, data and checksum; the last one is IEND. */
function endsPng(view: DataView, bytes: Uint8Array): boolean {
  let at = 8;
  while (at + 12 <= view.byteLength) {
    const next = at + 12 + view.getUint32(at);
    if (ascii(bytes, at + 4, 4) === "IEND") return next <= view.byteLength;
    at = next;
  }
  return false;
}

/**
 * JPEG: segments of marker and length. A scan header is followed by coded bytes,
 * in which FF is followed by 00 or a restart marker (D0–D7). Ends with FFD9.
 */
function endsJpeg(view: DataView): boolean {
  let at = 2;
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
    else at += 2 + view.getUint16(at + 2);
  }
  return false;
}

/** AVIF: boxes of length and name. Length 0 extends to the end of the file; 1 is
 * followed by a length of 64 bits. */
function endsBoxes(view: DataView): boolean {
  let at = 0;
  while (at + 8 <= view.byteLength) {
    const size = view.getUint32(at);
    if (size === 0) return true;
    const wide = size === 1 && at + 16 <= view.byteLength;
    const length = wide ? Number(view.getBigUint64(at + 8)) : size;
    if (length < 8) return false;
    at += length;
  }
  return at === view.byteLength;
}

export function ascii(bytes: Uint8Array, from: number, length: number): string {
  return String.fromCharCode(...bytes.subarray(from, from + length));
}
