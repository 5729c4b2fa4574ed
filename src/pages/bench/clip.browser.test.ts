import { expect, test } from "vitest";
import { drawFrame } from "./clip";

function pixelsOf(index: number, side: number): string {
  const frame = drawFrame(index, side);
  expect([frame.width, frame.height]).toEqual([side, side]);
  const context = new OffscreenCanvas(side, side).getContext("2d");
  if (!context) throw new Error("No canvas.");
  context.drawImage(frame, 0, 0);
  return context.getImageData(0, 0, side, side).data.join();
}

test("the clip is the same each time, and no two frames are alike", () => {
  const frames = Array.from({ length: 9 }, (_, index) => pixelsOf(index, 64));
  expect(new Set(frames).size).toBe(9);
  frames.forEach((frame, index) => expect(pixelsOf(index, 64)).toBe(frame));
});
