import type { Frame } from "./protocol";

/** HDR transfer functions; TypeScript declares those of SDR only. */
const transfers: readonly (string | null)[] = ["pq", "hlg"];

/** Chromium copies such frames to a GPU, and their bitmaps, with wrong colours:
 * they have to be drawn on a canvas in sRGB. */
export function isHdr(frame: Frame): frame is VideoFrame {
  return "colorSpace" in frame && transfers.includes(frame.colorSpace.transfer);
}
