import type { Frame } from "../shared/protocol";

/** Copies a frame; HDR is converted to sRGB, because bitmaps of HDR frames lose
 * their colours when Chromium copies them to a GPU. */
export async function toBitmap(frame: Frame): Promise<ImageBitmap> {
  const hdr =
    frame instanceof VideoFrame && HDR.includes(frame.colorSpace.transfer);
  if (!hdr) return createImageBitmap(frame);
  const { displayWidth, displayHeight } = frame;
  return drawOnBlack(displayWidth, displayHeight, (context) =>
    context.drawImage(frame, 0, 0, displayWidth, displayHeight),
  );
}

/** HDR transfer functions; TypeScript declares those of SDR only. */
const HDR: readonly (string | null)[] = ["pq", "hlg"];

/** Renders `draw` in sRGB on opaque black. */
export function drawOnBlack(
  width: number,
  height: number,
  draw: (context: OffscreenCanvasRenderingContext2D) => void,
): ImageBitmap {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", {
    alpha: false,
    colorSpace: "srgb",
    willReadFrequently: true,
  });
  if (!context) throw new Error("no canvas to draw on");
  draw(context);
  return canvas.transferToImageBitmap();
}
