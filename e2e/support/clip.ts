import { closeSync, mkdirSync, openSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { draw, scenes, type RgbImage } from "./scenes.ts";

/** Long enough for a slow machine to caption each scene. */
const secondsPerScene = 8;
const framesPerSecond = 5;

/** Writes the clip that Chromium's fake camera plays in a loop. */
export function writeClip(path: string, width = 640, height = 480): void {
  mkdirSync(dirname(path), { recursive: true });
  const file = openSync(path, "w");
  writeSync(
    file,
    `YUV4MPEG2 W${width} H${height} F${framesPerSecond}:1 Ip A1:1 C420jpeg\n`,
  );
  for (const scene of scenes) {
    const planes = toYuv(draw(scene, width, height));
    for (let frame = 0; frame < secondsPerScene * framesPerSecond; frame++) {
      writeSync(file, "FRAME\n");
      writeSync(file, planes);
    }
  }
  closeSync(file);
}

/** BT.601, limited range, 4:2:0: planes Y, U, V. */
function toYuv({ width, height, pixels }: RgbImage): Uint8Array {
  const luma = width * height;
  const chroma = luma / 4;
  const planes = new Uint8Array(luma + 2 * chroma);
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const at = 3 * (row * width + column);
      const [r = 0, g = 0, b = 0] = pixels.subarray(at, at + 3);
      planes[row * width + column] =
        16 + (65.481 * r + 128.553 * g + 24.966 * b) / 255;
      if (row % 2 === 1 || column % 2 === 1) continue;
      const half = luma + (row / 2) * (width / 2) + column / 2;
      planes[half] = 128 + (-37.797 * r - 74.203 * g + 112 * b) / 255;
      planes[half + chroma] = 128 + (112 * r - 93.786 * g - 18.214 * b) / 255;
    }
  }
  return planes;
}
