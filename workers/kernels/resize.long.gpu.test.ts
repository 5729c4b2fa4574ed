import { afterAll, beforeAll, expect, test } from "vitest";
import { Resizer } from "./resize";
import { findDifference, goldenCases, isLarge } from "./testing/resize-golden";
import {
  bitmapOf,
  openLargeDevice,
  resizeOnGpu,
} from "./testing/resize-on-gpu";

let device: GPUDevice;
let resizer: Resizer;

beforeAll(async () => {
  device = await openLargeDevice();
  resizer = new Resizer(device);
});

afterAll(() => {
  resizer.dispose();
  device.destroy();
});

for (const wanted of goldenCases.filter(isLarge)) {
  test(`equals Pillow bit for bit: ${wanted.title}`, async () => {
    const bitmap = await bitmapOf(wanted.width, wanted.height);
    const difference = await findDifference(wanted, (geometry) =>
      resizeOnGpu(device, resizer, bitmap, geometry),
    );
    expect(difference).toBe("");
    bitmap.close();
  });
}
