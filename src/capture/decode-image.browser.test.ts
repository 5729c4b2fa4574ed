import { expect, test } from "vitest";
import { decodeImage } from "./decode-image";
import { assertFrameOpen, toBitmap } from "./bitmap";
import {
  chunk,
  GREY,
  makePng,
  PALETTE,
  RGB,
  RGBA,
  withOrientation,
} from "../testing/image-files";

type Drawn = "image/png" | "image/jpeg" | "image/webp";

async function draw(type: Drawn, width = 64, height = 32): Promise<Blob> {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d");
  if (!context) throw new Error("no canvas");
  for (let x = 0; x < width; x++) {
    context.fillStyle = x < width / 2 ? "#f00" : `hsl(${x * 5} 80% 50%)`;
    context.fillRect(x, 0, 1, height);
  }
  return canvas.convertToBlob({ type, quality: 0.9 });
}

function pixel(bitmap: ImageBitmap, x: number, y: number): number[] {
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = canvas.getContext("2d");
  context?.drawImage(bitmap, 0, 0);
  return [...(context?.getImageData(x, y, 1, 1).data ?? [])];
}

function near(got: ArrayLike<number>, wanted: readonly number[]): void {
  const steps = wanted.map((value, i) => Math.abs(value - (got[i] ?? NaN)));
  expect(Math.max(...steps), wanted.join()).toBeLessThanOrEqual(1);
}

/** Pixels as stored, by a frame: a canvas would premultiply them. */
async function straightPixels(bitmap: ImageBitmap): Promise<Uint8Array> {
  const frame = new VideoFrame(bitmap, { timestamp: 0 });
  const pixels = new Uint8Array(bitmap.width * bitmap.height * 4);
  await frame.copyTo(pixels, { format: "RGBA" });
  frame.close();
  return pixels;
}

test.each(["image/png", "image/jpeg", "image/webp"] as const)(
  "%s: decoded whole, refused when cut anywhere",
  async (type) => {
    const file = await draw(type);
    const bitmap = await decodeImage(file);
    expect([bitmap.width, bitmap.height]).toEqual([64, 32]);
    for (const part of [0.2, 0.5, 0.9, 0.99]) {
      const cut = file.slice(0, Math.floor(file.size * part), type);
      await expect(decodeImage(cut)).rejects.toMatchObject({
        code: "bad-image",
      });
    }
  },
);

/** Start and end of a JPEG, and nothing between them. */
const damaged = Uint8Array.of(0xff, 0xd8, 0xff, 0xd9);

test.each([
  ["an empty file", new File([], "empty.png"), /empty\.png.* is empty/],
  [
    "a text named .png",
    new File(["hello"], "note.png"),
    /note\.png.* not an image/,
  ],
  ["a damaged JPEG", new Blob([damaged]), /damaged/],
])("%s is bad-image, with advice", async (_, file, message) => {
  await expect(decodeImage(file)).rejects.toMatchObject({
    code: "bad-image",
    message: expect.stringMatching(message) as string,
    advice: expect.stringContaining("another image") as string,
  });
});

/** Which quarter of the stored image, whose quarters are 0 1 above 2 3, is
 * shown in each, by EXIF's orientations 1 to 8. */
const shown = [
  [0, 1, 2, 3],
  [1, 0, 3, 2],
  [3, 2, 1, 0],
  [2, 3, 0, 1],
  [0, 2, 1, 3],
  [2, 0, 3, 1],
  [3, 1, 2, 0],
  [1, 3, 0, 2],
];
const quarters = ["#f00", "#0f0", "#00f", "#fff"];

test.each(["image/jpeg", "image/png", "image/webp"] as const)(
  "%s: applies all eight EXIF orientations",
  async (type) => {
    const canvas = new OffscreenCanvas(64, 32);
    const context = canvas.getContext("2d");
    quarters.forEach((color, i) => {
      if (!context) throw new Error("no canvas");
      context.fillStyle = color;
      context.fillRect((i % 2) * 32, Math.floor(i / 2) * 16, 32, 16);
    });
    const stored = await canvas.convertToBlob({ type, quality: 1 });
    for (const [i, wanted] of shown.entries()) {
      const bitmap = await decodeImage(await withOrientation(stored, i + 1));
      const { width, height } = bitmap;
      expect([width, height]).toEqual(i < 4 ? [64, 32] : [32, 64]);
      const seen = [0, 1, 2, 3].map((quarter) => {
        const x = (width / 4) * (1 + 2 * (quarter % 2));
        const y = (height / 4) * (1 + 2 * Math.floor(quarter / 2));
        const [r = 0, g = 0, b = 0] = pixel(bitmap, x, y);
        const bright = [r, g, b].map((value) => (value > 127 ? "f" : "0"));
        return quarters.indexOf(`#${bright.join("")}`);
      });
      expect(seen).toEqual(wanted);
    }
  },
);

test("blends every colour at every opacity with black, rounded", async () => {
  const image = new ImageData(256, 256);
  for (let i = 0; i < 256 * 256; i++) {
    const color = i & 255;
    image.data.set([color, 255 - color, 255, i >> 8], i * 4);
  }
  const bitmap = await createImageBitmap(image, { premultiplyAlpha: "none" });
  const canvas = new OffscreenCanvas(256, 256);
  canvas.getContext("bitmaprenderer")?.transferFromImageBitmap(bitmap);
  // Colours of a canvas are premultiplied: what it wrote is what counts.
  const file = await canvas.convertToBlob({ type: "image/png" });
  const stored = await createImageBitmap(file, { premultiplyAlpha: "none" });
  const straight = await straightPixels(stored);
  // As half transparent (100, 155, 255) is stored, not (50, 78, 128).
  near(straight.subarray((128 * 256 + 100) * 4), [100, 155, 255, 128]);
  const decoded = await decodeImage(file);
  const read = new OffscreenCanvas(256, 256).getContext("2d");
  read?.drawImage(decoded, 0, 0);
  const got = read?.getImageData(0, 0, 256, 256).data ?? [];
  const wanted = straight.map((value, i) => {
    const alpha = straight[i | 3] ?? 0;
    return i % 4 === 3 ? 255 : Math.round((value * alpha) / 255);
  });
  expect([...got]).toEqual([...wanted]);
});

test("converts a wide gamut to sRGB", async () => {
  // Display P3 (200, 100, 60) is sRGB (215, 93, 47) by both curves and matrices.
  const canvas = new OffscreenCanvas(8, 8);
  const context = canvas.getContext("2d", { colorSpace: "display-p3" });
  if (!context) throw new Error("no canvas");
  context.fillStyle = "color(display-p3 0.7843 0.3922 0.2353)";
  context.fillRect(0, 0, 8, 8);
  for (const type of ["image/png", "image/jpeg", "image/webp"]) {
    const file = await canvas.convertToBlob({ type, quality: 1 });
    const bitmap = await decodeImage(file);
    near(pixel(bitmap, 4, 4), [215, 93, 47]);
  }
  const p3 = chunk("cICP", [12, 13, 0, 1]);
  const file = await makePng(8, 8, 8, RGB, [200, 100, 60], p3);
  near(pixel(await decodeImage(file), 4, 4), [215, 93, 47]);
});

test.each([
  ["16 bits a channel", 16, RGB, [200, 0, 100, 0, 60, 0], [], [200, 100, 60]],
  [
    "16 bits and alpha",
    16,
    RGBA,
    [200, 0, 100, 0, 60, 0, 128, 128],
    [],
    [100, 50, 30],
  ],
  ["grey", 8, GREY, [77], [], [77, 77, 77]],
  ["grey of 16 bits", 16, GREY, [77, 77], [], [77, 77, 77]],
  [
    "a palette",
    8,
    PALETTE,
    [1],
    chunk("PLTE", [1, 2, 3, 200, 100, 60]),
    [200, 100, 60],
  ],
  [
    "a palette with alpha",
    8,
    PALETTE,
    [1],
    [...chunk("PLTE", [1, 2, 3, 200, 100, 60]), ...chunk("tRNS", [255, 128])],
    [100, 50, 30],
  ],
] as const)("PNG with %s", async (_, depth, type, data, chunks, wanted) => {
  const file = await makePng(8, 8, depth, type, data, chunks);
  near(pixel(await decodeImage(file), 4, 4), wanted);
});

test("an HDR frame has the colours that a canvas shows", async () => {
  const samples = new Uint16Array(16 * 16 * 1.5).fill(512);
  samples.fill(500, 0, 256);
  const frame = new VideoFrame(samples, {
    format: "I420P10" as "I420",
    codedWidth: 16,
    codedHeight: 16,
    timestamp: 0,
    colorSpace: {
      primaries: "bt2020" as "bt709",
      transfer: "pq" as "bt709",
      matrix: "bt2020-ncl" as "bt709",
      fullRange: false,
    },
  });
  const still = await toBitmap(frame);
  expect([still.width, still.height]).toEqual([16, 16]);
  const context = new OffscreenCanvas(16, 16).getContext("2d");
  context?.drawImage(frame, 0, 0);
  const wanted = [...(context?.getImageData(8, 8, 1, 1).data ?? [])];
  frame.close();
  expect(pixel(still, 8, 8)).toEqual(wanted);
});

test("draws SVG", async () => {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="8" height="4"><rect width="8" height="4" fill="#00f"/></svg>`;
  const bitmap = await decodeImage(new Blob([svg]));
  expect([bitmap.width, bitmap.height]).toEqual([8, 4]);
  expect(pixel(bitmap, 4, 2)).toEqual([0, 0, 255, 255]);
});

test("draws SVG without a size", async () => {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 30"><rect width="40" height="30" fill="#00f"/></svg>`;
  const bitmap = await decodeImage(new Blob([svg]));
  const { width, height } = bitmap;
  expect(width / height).toBeCloseTo(4 / 3, 1);
  expect(pixel(bitmap, width / 2, height / 2)).toEqual([0, 0, 255, 255]);
});

test("rejects with bad-image for a closed frame", async () => {
  const bitmap = await createImageBitmap(new ImageData(2, 2));
  expect(() => assertFrameOpen(bitmap)).not.toThrow();
  bitmap.close();
  expect(() => assertFrameOpen(bitmap)).toThrow(/no pixels/);
});
