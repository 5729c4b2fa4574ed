import { expect, test } from "vitest";
import { decodeImage as decodeAtSide } from "./decode-image";
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

/** Rasterizes vector images at this side. */
const side = 512;
const decodeImage = (file: Blob): Promise<ImageBitmap> =>
  decodeAtSide(file, side);

type Drawn = "image/png" | "image/jpeg" | "image/webp";

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

/** Noise, which no format compresses to a few bytes. */
async function noise(type: Drawn): Promise<Blob> {
  const image = new ImageData(64, 48);
  for (let i = 0; i < image.data.length; i++) {
    const random = Math.imul(i ^ (i >>> 3), 0x9e3779b1);
    image.data[i] =
      i % 4 === 3
        ? 255
        : Math.imul(random ^ (random >>> 15), 0x85ebca6b) >>> 24;
  }
  const canvas = new OffscreenCanvas(64, 48);
  canvas.getContext("2d")?.putImageData(image, 0, 0);
  return canvas.convertToBlob({ type, quality: 0.9 });
}

function pixels(bitmap: ImageBitmap): Uint8ClampedArray {
  const { width, height } = bitmap;
  const context = new OffscreenCanvas(width, height).getContext("2d");
  if (!context) throw new Error("no canvas");
  context.drawImage(bitmap, 0, 0);
  return context.getImageData(0, 0, width, height).data;
}

test.each(["image/png", "image/jpeg", "image/webp"] as const)(
  "%s: decodes a whole file and rejects a truncated one",
  async (type) => {
    const file = await noise(type);
    const bitmap = await decodeImage(file);
    expect([bitmap.width, bitmap.height]).toEqual([64, 48]);
    for (const part of [0.2, 0.5, 0.9, 0.98]) {
      const cut = file.slice(0, Math.floor(file.size * part));
      await expect(decodeImage(cut)).rejects.toMatchObject({
        code: "bad-image",
        message: expect.stringContaining("truncated") as string,
      });
    }
  },
);

test.each([
  ["image/jpeg", "half of its end marker", -1],
  ["image/jpeg", "its end marker", -2],
  ["image/png", "the checksum of its last chunk", -4],
  ["image/png", "its last chunk", -12],
  ["image/png", "the checksum of its pixels", -16],
] as const)("%s: decodes a file without %s", async (type, _, end) => {
  const file = await noise(type);
  const whole = pixels(await decodeImage(file));
  expect(pixels(await decodeImage(file.slice(0, end)))).toEqual(whole);
});

test.each(["image/png", "image/jpeg", "image/webp"] as const)(
  "%s: ignores bytes after the image",
  async (type) => {
    const file = await noise(type);
    const whole = pixels(await decodeImage(file));
    const longer = new Blob([file, new Uint8Array(1000), "the end"]);
    expect(pixels(await decodeImage(longer))).toEqual(whole);
  },
);

test("decodes a JPEG without an end marker as it is oriented", async () => {
  const file = await withOrientation(await noise("image/jpeg"), 6);
  const whole = await decodeImage(file);
  const bitmap = await decodeImage(file.slice(0, -2));
  expect([bitmap.width, bitmap.height]).toEqual([48, 64]);
  expect(pixels(bitmap)).toEqual(pixels(whole));
});

/** 4 x 1 pixels, red, green, blue and white; ends with a trailer. */
const gif = Uint8Array.of(
  ...[0x47, 0x49, 0x46, 0x38, 0x39, 0x61, 4, 0, 1, 0, 0x81, 0, 0],
  ...[255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255],
  ...[0x2c, 0, 0, 0, 0, 4, 0, 1, 0, 0],
  ...[2, 3, 0b01_000_100, 0b0011_010_0, 0b0101, 0, 0x3b],
);

test.each([
  ["a trailer", gif],
  ["no trailer", gif.subarray(0, -1)],
  [
    "bytes after its trailer",
    Uint8Array.of(...gif, ...Array<number>(99).fill(7)),
  ],
])("decodes a GIF with %s", async (_, bytes) => {
  const bitmap = await decodeImage(new Blob([bytes]));
  expect(pixel(bitmap, 0, 0)).toEqual([255, 0, 0, 255]);
  expect(pixel(bitmap, 3, 0)).toEqual([255, 255, 255, 255]);
});

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

test("keeps the opacity of transparent pixels", async () => {
  const file = await makePng(8, 8, 8, RGBA, [200, 100, 60, 128]);
  const bitmap = await decodeImage(file);
  near(pixel(bitmap, 4, 4), [200, 100, 60, 128]);
  const clear = await makePng(8, 8, 8, RGBA, [200, 100, 60, 0]);
  expect(pixel(await decodeImage(clear), 4, 4)[3]).toBe(0);
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
    [200, 100, 60, 128],
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
    [200, 100, 60, 128],
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

const svg = (size: string): string =>
  `<svg xmlns="http://www.w3.org/2000/svg" ${size}><rect width="100%" height="100%" fill="#00f"/></svg>`;
const doctype = `<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd"`;
const size = `width="8" height="4"`;

test.each([
  ["without a type", svg(size), ""],
  ["with another type", svg(size), "text/plain"],
  ["with an XML declaration", `<?xml version="1.0"?>\n${svg(size)}`, ""],
  ["with a DOCTYPE", `${doctype}>${svg(size)}`, ""],
  [
    "with entities",
    `${doctype} [<!ENTITY a "b"> <!ENTITY c "d">]>${svg(size)}`,
    "",
  ],
  ["with a long comment", `<!-- ${"-> ".repeat(999)} -->${svg(size)}`, ""],
  ["with a byte order mark", `\uFEFF${svg(size)}`, ""],
])("draws SVG %s", async (_, text, type) => {
  const bitmap = await decodeImage(new Blob([text], { type }));
  expect(bitmap.width / bitmap.height).toBe(2);
  const { width, height } = bitmap;
  expect(pixel(bitmap, width / 2, height / 2)).toEqual([0, 0, 255, 255]);
});

test("enlarges a small SVG without blurring it", async () => {
  const half = `<svg xmlns="http://www.w3.org/2000/svg" width="16" height="8"><rect width="8.5" height="8" fill="#00f"/></svg>`;
  const bitmap = await decodeImage(new Blob([half]));
  expect([bitmap.width, bitmap.height]).toEqual([side, side / 2]);
  const edge = (side * 8.5) / 16;
  expect(pixel(bitmap, edge - 1, 99)).toEqual([0, 0, 255, 255]);
  expect(pixel(bitmap, edge, 99)).toEqual([0, 0, 0, 0]);
});

test("draws a large SVG at its own size", async () => {
  const file = new Blob([svg(`width="2000" height="500"`)]);
  const bitmap = await decodeImage(file);
  expect([bitmap.width, bitmap.height]).toEqual([2000, 500]);
});

test("draws SVG without a size", async () => {
  const bitmap = await decodeImage(new Blob([svg(`viewBox="0 0 40 30"`)]));
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
