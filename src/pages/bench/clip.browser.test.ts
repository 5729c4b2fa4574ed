import { expect, test } from "vitest";
import { renderFrame } from "./clip";

function pixelsOf(index: number, size: number): string {
  const frame = renderFrame(index, size);
  expect([frame.width, frame.height]).toEqual([size, size]);
  const context = new OffscreenCanvas(size, size).getContext("2d");
  if (!context) throw new Error("No canvas.");
  context.drawImage(frame, 0, 0);
  return context.getImageData(0, 0, size, size).data.join();
}

test("frames are deterministic and all different", () => {
  const frames = Array.from({ length: 9 }, (_, index) => pixelsOf(index, 64));
  expect(new Set(frames).size).toBe(9);
  frames.forEach((frame, index) => expect(pixelsOf(index, 64)).toBe(frame));
});
