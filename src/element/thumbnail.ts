import { createContext, type Size } from "../capture/bitmap";
import { isVideoFrame } from "../shared/frames";
import type { Frame } from "../shared/protocol";

/** Longest side in pixels. */
const side = 192;

/**
 * A small JPEG of a frame, which is read at once and may be closed afterwards.
 * Undefined if it cannot be drawn. `background` is the colour behind transparent
 * pixels.
 */
export async function frameThumbnail(
  frame: Frame,
  background: string,
): Promise<Blob | undefined> {
  try {
    const { width, height } = sizeOf(frame);
    const scale = Math.min(1, side / Math.max(width, height));
    const context = createContext(
      Math.max(1, Math.round(width * scale)),
      Math.max(1, Math.round(height * scale)),
    );
    const { canvas } = context;
    context.imageSmoothingQuality = "high";
    context.fillStyle = background;
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(frame, 0, 0, canvas.width, canvas.height);
    return await canvas.convertToBlob({ type: "image/jpeg", quality: 0.8 });
  } catch {
    return undefined;
  }
}

function sizeOf(frame: Frame): Size {
  return isVideoFrame(frame)
    ? { width: frame.displayWidth, height: frame.displayHeight }
    : frame;
}
