import { expect, test } from "vitest";
import { convertRows } from "../kernels/convert-rows";
import { useDevice, readBack, storage } from "../kernels/testing/gpu";
import { fromHalf, toHalf } from "../util/float16";

let device: GPUDevice;

useDevice((opened) => {
  device = opened;
});

async function convert(
  way: "widen" | "narrow",
  data: Float32Array<ArrayBuffer> | Uint16Array<ArrayBuffer>,
): Promise<ArrayBuffer> {
  const width = 256;
  const rows = data.length / width;
  const source = storage(device, data);
  const dest = storage(device, data.length * (way === "widen" ? 4 : 2));
  const encoder = device.createCommandEncoder();
  const shape = { width, rows, from: 0, to: 0 };
  const place = convertRows(device, encoder, way, source, dest, shape);
  device.queue.submit([encoder.finish()]);
  const result = await readBack(device, dest);
  for (const buffer of [source, dest, place]) buffer.destroy();
  return result;
}

test("converts every float16 exactly", async () => {
  const halves = Uint16Array.from({ length: 65536 }, (_, bits) => bits);
  const found = new Float32Array(await convert("widen", halves));
  expect([...found]).toEqual([...fromHalf(halves)]);
});

test("rounds floats like the CPU", async () => {
  const words: number[] = [];
  const halves = fromHalf(Uint16Array.from({ length: 0x7c00 }, (_, i) => i));
  const word = new Uint32Array(1);
  const float = new Float32Array(word.buffer);
  halves.forEach((half, i) => {
    float[0] = (half + (halves[i + 1] ?? 65536)) / 2;
    const [middle = 0] = word;
    words.push(middle - 1, middle, middle + 1, middle | 0x80000000);
  });
  // Infinities, NaN, and floats that are smaller than any half.
  words.push(0x7f800000, 0xff800000, 0x7fc00000, 0x7f7fffff, 1, 0x80000001);
  while (words.length % 256 > 0) words.push(words.length * 40503);
  const floats = new Float32Array(Uint32Array.from(words).buffer);
  const found = new Uint16Array(await convert("narrow", floats));
  expect([...found]).toEqual([...toHalf(floats)]);
});
