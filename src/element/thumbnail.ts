import { createContext, type Size } from "../capture/bitmap";
import { isVideoFrame } from "../shared/frames";
import type { Frame } from "../shared/protocol";

/** Longest side in pixels. */
const side = 192;

/**
 * A small JPEG of a frame, which may be transferred or closed after the call.
 * Undefined if it cannot be drawn. `background` is the colour behind transparent
 * pixels.
 */
export async function frameThumbnail(
  frame: Frame,
  background: string,
): Promise<Blob | undefined> {
  try {
    const copy = await copyFrame(frame);
    // Drawing would delay the request, which is sent at the end of this task.
    await nextTask();
    try {
      return await draw(copy, background);
    } finally {
      copy.close();
    }
  } catch {
    return undefined;
  }
}

/** Reads the frame at the call. Takes almost no time, since copies share pixels. */
async function copyFrame(frame: Frame): Promise<Frame> {
  return isVideoFrame(frame) ? frame.clone() : createImageBitmap(frame);
}

function nextTask(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}

function draw(frame: Frame, background: string): Promise<Blob> {
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
  return canvas.convertToBlob({ type: "image/jpeg", quality: 0.8 });
}

function sizeOf(frame: Frame): Size {
  return isVideoFrame(frame)
    ? { width: frame.displayWidth, height: frame.displayHeight }
    : frame;
}
