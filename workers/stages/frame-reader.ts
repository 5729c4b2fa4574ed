import type { Rgb } from "../../src/shared/color";
import { isVideoFrame } from "../../src/shared/frames";
import type { Frame } from "../../src/shared/protocol";
import type { ReadPixels } from "../kernels/resize-wasm";

/** In what `copyTo` converts a frame, as the canvas does. */
const RGBA = { format: "RGBA", colorSpace: "srgb" } as const;

/** The display size: rotated, with square pixels; 0 x 0 if the frame is closed. */
export function displaySize(frame: Frame): { width: number; height: number } {
  return isVideoFrame(frame)
    ? { width: frame.displayWidth, height: frame.displayHeight }
    : { width: frame.width, height: frame.height };
}

/** The context of a canvas in sRGB. */
export function contextOf(
  canvas: OffscreenCanvas,
  settings: { readonly alpha: boolean; readonly willReadFrequently?: boolean },
): OffscreenCanvasRenderingContext2D {
  const context = canvas.getContext("2d", { colorSpace: "srgb", ...settings });
  if (context === null) throw new Error("Cannot create a 2D canvas context.");
  return context;
}

/**
 * Reads the pixels of frames into CPU memory, as they are displayed: RGBA in sRGB.
 * Frames of a video are copied, without a canvas, where this gives the same colours.
 */
export class FrameReader {
  /** Kept, because creating one takes longer than drawing. */
  readonly #context = contextOf(new OffscreenCanvas(1, 1), {
    alpha: false,
    willReadFrequently: true,
  });

  /** The reader of one frame, with `background` behind transparent pixels. One
   * frame is read at a time. */
  open(frame: Frame, background: Rgb): ReadPixels {
    const draw = this.#drawing(frame, background);
    if (!isVideoFrame(frame) || !canCopy(frame)) return draw;
    const { x: left, y: top } = frame.visibleRect ?? { x: 0, y: 0 };
    let copies = true;
    return async (x, y, width, height, target) => {
      if (copies) {
        const rect = { x: left + x, y: top + y, width, height };
        await frame.copyTo(target, { ...RGBA, rect });
        copies = isYuv(frame) || isOpaque(target);
      }
      if (!copies) await draw(x, y, width, height, target);
    };
  }

  #drawing(frame: Frame, background: Rgb): ReadPixels {
    const shown = displaySize(frame);
    const color = `rgb(${background.join(" ")})`;
    let drawn = false;
    /** Draws the part of the frame that begins at (x, y) on a canvas of that size. */
    const draw = (x: number, y: number, width: number, height: number) => {
      const { canvas } = this.#context;
      // Clears the canvas, too.
      Object.assign(canvas, { width, height });
      this.#context.fillStyle = color;
      this.#context.fillRect(0, 0, width, height);
      this.#context.drawImage(frame, -x, -y, shown.width, shown.height);
    };
    return (x, y, width, height, target) => {
      // A video frame is converted as a whole each time that it is drawn.
      const whole = isVideoFrame(frame);
      if (!whole) draw(x, y, width, height);
      else if (!drawn) draw(0, 0, shown.width, shown.height);
      drawn = true;
      const [left, top] = whole ? [x, y] : [0, 0];
      target.set(this.#context.getImageData(left, top, width, height).data);
    };
  }
}

/** Whether copying gives the pixels as they are displayed. */
function canCopy(frame: VideoFrame): boolean {
  const { displayWidth, displayHeight, visibleRect, format } = frame;
  // TypeScript does not know these yet.
  const { rotation = 0, flip = false } = frame as {
    readonly rotation?: number;
    readonly flip?: boolean;
  };
  return (
    format !== null &&
    convertsFrames() &&
    rotation === 0 &&
    !flip &&
    visibleRect?.width === displayWidth &&
    visibleRect.height === displayHeight
  );
}

let converts: boolean | undefined;

/** Whether `copyTo` converts: browsers that cannot ignore the option. */
function convertsFrames(): boolean {
  if (converts === undefined) {
    const init = { codedWidth: 2, codedHeight: 2, timestamp: 0 };
    const frame = new VideoFrame(new Uint8Array(6), {
      ...init,
      format: "I420",
    });
    try {
      converts = frame.allocationSize(RGBA) === 16;
    } catch {
      converts = false;
    }
    frame.close();
  }
  return converts;
}

/** A format without alpha, and without an unused byte in its place. */
function isYuv({ format }: VideoFrame): boolean {
  return format !== null && /^(I4|NV)\d+(P1[02])?$/.test(format);
}

/** Whether every pixel has the alpha 255. Others are not blended with the background;
 * in Chromium, a byte that RGBX does not use is taken for alpha. */
function isOpaque(rgba: Uint8Array<ArrayBuffer>): boolean {
  const { buffer, byteOffset, length } = rgba;
  const pixels = new Uint32Array(buffer, byteOffset, length / 4);
  let all = ~0;
  for (let i = 0; i < pixels.length; i++) all &= pixels[i] ?? NaN;
  return all >>> 24 === 255;
}
