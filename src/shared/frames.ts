import type { Frame } from "./protocol";

/** By name, because some browsers have no such class. */
export function isVideoFrame(value: unknown): value is VideoFrame {
  return Object.prototype.toString.call(value) === "[object VideoFrame]";
}

/** HDR transfer functions; TypeScript declares those of SDR only. */
const transfers: readonly (string | null)[] = ["pq", "hlg"];

/** Chromium copies such frames to a GPU, and their bitmaps, with wrong colours:
 * they have to be drawn on a canvas in sRGB. */
export function isHdr(frame: Frame): frame is VideoFrame {
  return isVideoFrame(frame) && transfers.includes(frame.colorSpace.transfer);
}
