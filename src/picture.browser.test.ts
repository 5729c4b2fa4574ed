import { expect, test } from "vitest";
import { checkFrame, decodePicture } from "./picture";

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

test.each(["image/png", "image/jpeg", "image/webp"] as const)(
  "%s: decoded whole, refused when cut anywhere",
  async (type) => {
    const file = await draw(type);
    const bitmap = await decodePicture(file);
    expect([bitmap.width, bitmap.height]).toEqual([64, 32]);
    for (const part of [0.2, 0.5, 0.9, 0.99]) {
      const cut = file.slice(0, Math.floor(file.size * part), type);
      await expect(decodePicture(cut)).rejects.toMatchObject({
        code: "bad-image",
      });
    }
  },
);

/** Start and end of a JPEG, and nothing between them. */
const damaged = Uint8Array.of(0xff, 0xd8, 0xff, 0xd9);

test.each([
  ["an empty file", new File([], "empty.png"), /empty\.png.* is empty/],
  ["a text named .png", new File(["hello"], "note.png"), /note\.png.* not a/],
  ["a damaged JPEG", new Blob([damaged]), /damaged/],
])("%s is bad-image, with advice", async (_, file, message) => {
  await expect(decodePicture(file)).rejects.toMatchObject({
    code: "bad-image",
    message: expect.stringMatching(message) as string,
    advice: expect.stringContaining("another picture") as string,
  });
});

test("turns a photograph as its EXIF says", async () => {
  const photo = await draw("image/jpeg", 64, 32);
  // APP1 with one TIFF entry: orientation (0112) 6, a quarter turn clockwise.
  const exif = Uint8Array.from([
    ...[0xff, 0xe1, 0, 34, 0x45, 0x78, 0x69, 0x66, 0, 0],
    ...[0x4d, 0x4d, 0, 42, 0, 0, 0, 8, 0, 1],
    ...[0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0],
  ]);
  const turned = new Blob([photo.slice(0, 2), exif, photo.slice(2)]);
  const bitmap = await decodePicture(turned);
  expect([bitmap.width, bitmap.height]).toEqual([32, 64]);
  const [red = 0, green = 0] = pixel(bitmap, 16, 5);
  expect(red).toBeGreaterThan(200);
  expect(green).toBeLessThan(60);
});

test("shows transparent pixels white and opaque ones unchanged", async () => {
  const canvas = new OffscreenCanvas(2, 1);
  const context = canvas.getContext("2d");
  if (!context) throw new Error("no canvas");
  context.fillStyle = "rgb(12 34 56)";
  context.fillRect(0, 0, 1, 1);
  const bitmap = await decodePicture(await canvas.convertToBlob());
  expect(pixel(bitmap, 0, 0)).toEqual([12, 34, 56, 255]);
  expect(pixel(bitmap, 1, 0)).toEqual([255, 255, 255, 255]);
});

test("draws SVG", async () => {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="8" height="4"><rect width="8" height="4" fill="#00f"/></svg>`;
  const bitmap = await decodePicture(new Blob([svg]));
  expect([bitmap.width, bitmap.height]).toEqual([8, 4]);
  expect(pixel(bitmap, 4, 2)).toEqual([0, 0, 255, 255]);
});

test("draws SVG that names no size", async () => {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 30"><rect width="40" height="30" fill="#00f"/></svg>`;
  const bitmap = await decodePicture(new Blob([svg]));
  const { width, height } = bitmap;
  expect(width / height).toBeCloseTo(4 / 3, 1);
  expect(pixel(bitmap, width / 2, height / 2)).toEqual([0, 0, 255, 255]);
});

test("a closed frame is bad-image", async () => {
  const bitmap = await createImageBitmap(new ImageData(2, 2));
  expect(() => checkFrame(bitmap)).not.toThrow();
  bitmap.close();
  expect(() => checkFrame(bitmap)).toThrow(/no pixels/);
});
