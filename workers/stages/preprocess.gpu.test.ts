import { expect, test } from "vitest";
import { Preprocessor } from "./preprocess";
import { options } from "../testing/harness";
import {
  difference,
  pixel,
  planes,
  size,
  usePreprocessors,
  type Memories,
} from "../testing/preprocessors";

let both: Memories;

usePreprocessors((opened) => {
  both = opened;
});

function colors(alpha: (i: number) => number): ImageData {
  const image = new ImageData(150, 90);
  for (let i = 0; i < 150 * 90; i++) {
    const rgba = [(i * 7) & 255, (i * 3) & 255, (i >> 3) & 255, alpha(i)];
    image.data.set(rgba, i * 4);
  }
  return image;
}

test("an opaque image is the same on GPU and CPU", async () => {
  const bitmap = await createImageBitmap(colors(() => 255));
  expect(await difference(both, bitmap)).toBeLessThan(0.01);
});

test.each(["letterbox", "crop", "stretch"] as const)(
  "%s is the same on GPU and CPU and unlike the others",
  async (fit) => {
    const bitmap = await createImageBitmap(colors(() => 255));
    expect(await difference(both, bitmap, { fit })).toBeLessThan(0.01);
    const own = await planes(both.cpu, bitmap, { fit });
    for (const other of ["letterbox", "crop", "stretch"] as const) {
      if (other === fit) continue;
      expect(await planes(both.cpu, bitmap, { fit: other })).not.toEqual(own);
    }
  },
);

test("AnyRes gives the same five views on GPU and CPU", async () => {
  const bitmap = await createImageBitmap(colors(() => 255));
  for (let index = 0; index < 5; index++) {
    const off = await difference(both, bitmap, { anyres: true }, index);
    expect(off).toBeLessThan(0.01);
  }
  const overview = await planes(both.cpu, bitmap, { anyres: true });
  const stretched = await planes(both.cpu, bitmap, { fit: "stretch" });
  expect(overview).toEqual(stretched);
});

/** Every colour in its row, at every opacity from top to bottom. */
function opacities(): ImageData {
  const image = new ImageData(256, 256);
  for (let i = 0; i < 256 * 256; i++) {
    image.data.set([i & 255, 255 - (i & 255), 255, i >> 8], i * 4);
  }
  return image;
}

test.each(["premultiply", "none"] as const)(
  "blends every colour at every opacity with black (%s)",
  async (premultiplyAlpha) => {
    const image = opacities();
    const bitmap = await createImageBitmap(image, { premultiplyAlpha });
    const wanted = Array.from({ length: 3 * 256 * 256 }, (_, i) => {
      const at = (i % 65536) * 4;
      const color = image.data[at + Math.floor(i / 65536)] ?? NaN;
      return Math.round((color * (image.data[at + 3] ?? NaN)) / 255);
    });
    for (const tensors of [both.gpu, both.cpu]) {
      const values = await planes(tensors, bitmap, { size: 256 });
      expect(Array.from(values, (value) => Math.round(value * 255))).toEqual(
        wanted,
      );
    }
  },
);

test("converts wide gamut to sRGB on GPU and CPU", async () => {
  // Display P3 (200, 100, 60) is sRGB (215, 93, 47) by both curves and matrices.
  const canvas = new OffscreenCanvas(size, size);
  const context = canvas.getContext("2d", { colorSpace: "display-p3" });
  if (context === null) throw new Error("no canvas");
  context.fillStyle = "color(display-p3 0.7843 0.3922 0.2353)";
  context.fillRect(0, 0, size, size);
  const frames = [
    await createImageBitmap(canvas),
    new VideoFrame(canvas, { timestamp: 0 }),
    canvas.transferToImageBitmap(),
  ];
  for (const frame of frames) {
    for (const tensors of [both.gpu, both.cpu]) {
      const values = await planes(tensors, frame);
      expect(pixel(values, 32, 32)).toEqual([215, 93, 47]);
    }
    frame.close();
  }
});

test("changing sizes leaks no buffers", async () => {
  const bytes = both.gpu.gpu?.bytes;
  if (bytes === undefined) throw new Error("no GPU to count on");
  const preprocessor = new Preprocessor(both.gpu);
  const small = await createImageBitmap(colors(() => 255));
  const large = await createImageBitmap(new ImageData(900, 1600));
  const round = (): number => {
    for (const side of [256, 384, 512, 640, 768, 1024, 1152, 1536]) {
      for (const frame of [large, small]) {
        const all = { ...options, size: side, anyres: side < 512 };
        for (const view of preprocessor.views(frame, all)) {
          preprocessor.run(frame, view);
        }
      }
    }
    return bytes.now;
  };
  const before = bytes.now;
  const first = round();
  expect(first).toBeGreaterThan(before);
  expect(round()).toBe(first);
  preprocessor.dispose();
  expect(bytes.now).toBe(before);
});

test("rejects with bad-image for a closed frame", async () => {
  const bitmap = await createImageBitmap(colors(() => 255));
  const frame = new VideoFrame(bitmap, { timestamp: 0 });
  bitmap.close();
  frame.close();
  for (const tensors of [both.gpu, both.cpu]) {
    for (const closed of [bitmap, frame]) {
      const preprocessor = new Preprocessor(tensors);
      expect(() => preprocessor.views(closed, options)).toThrow(
        expect.objectContaining({ code: "bad-image" }),
      );
    }
  }
});
