import type { Frame } from "../shared/protocol";

/** A frame as it is now, HDR as sRGB: bitmaps of HDR frames lose their colours
 * when Chromium copies them to a GPU. */
export async function toBitmap(frame: Frame): Promise<ImageBitmap> {
  const hdr =
    frame instanceof VideoFrame && HDR.includes(frame.colorSpace.transfer);
  if (!hdr) return createImageBitmap(frame);
  const { displayWidth, displayHeight } = frame;
  return drawOnBlack(displayWidth, displayHeight, (context) =>
    context.drawImage(frame, 0, 0, displayWidth, displayHeight),
  );
}

/** Transfer functions, of which TypeScript knows those of SDR only. */
const HDR: readonly (string | null)[] = ["pq", "hlg"];

/** What `draw` draws, in sRGB, opaque: black where nothing covers it. */
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
