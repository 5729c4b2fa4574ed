import { expect, test, vi } from "vitest";
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

test.each([
  ["white", "premultiply"],
  ["white", "none"],
  ["black", "premultiply"],
  ["black", "none"],
] as const)(
  "shows %s behind every colour at every opacity (%s)",
  async (background, premultiplyAlpha) => {
    const behind = background === "white" ? 255 : 0;
    const image = opacities();
    const bitmap = await createImageBitmap(image, { premultiplyAlpha });
    const wanted = Array.from({ length: 3 * 256 * 256 }, (_, i) => {
      const at = (i % 65536) * 4;
      const color = image.data[at + Math.floor(i / 65536)] ?? NaN;
      const alpha = image.data[at + 3] ?? NaN;
      return Math.round((color * alpha + behind * (255 - alpha)) / 255);
    });
    for (const tensors of [both.gpu, both.cpu]) {
      const values = await planes(tensors, bitmap, { size: 256, background });
      expect(Array.from(values, (value) => Math.round(value * 255))).toEqual(
        wanted,
      );
    }
  },
);

test("blends with any background before resizing, on GPU and CPU", async () => {
  // Opaque and clear columns: resized first, the edges would be darker.
  const image = new ImageData(256, 256);
  for (let i = 0; i < 256 * 256; i++) {
    image.data.set([255, 0, 0, i % 2 ? 255 : 0], i * 4);
  }
  const bitmap = await createImageBitmap(image);
  const choice = { size, background: "#204060" };
  expect(await difference(both, bitmap, choice)).toBeLessThan(1.01);
  for (const tensors of [both.gpu, both.cpu]) {
    // The mean of (255, 0, 0) and (32, 64, 96).
    pixel(await planes(tensors, bitmap, choice), 9, 9).forEach((value, i) => {
      expect(Math.abs(value - ([144, 32, 48][i] ?? NaN))).toBeLessThanOrEqual(
        1,
      );
    });
  }
});

test("shows the background behind a VideoFrame with alpha", async () => {
  const rgba = new Uint8Array(size * size * 4).fill(128);
  const init = { format: "RGBA", timestamp: 0 } as const;
  const sizes = { codedWidth: size, codedHeight: size };
  const frame = new VideoFrame(rgba, { ...init, ...sizes });
  for (const tensors of [both.gpu, both.cpu]) {
    const [red = 0] = pixel(await planes(tensors, frame), 9, 9);
    expect(Math.abs(red - (64 + 127))).toBeLessThanOrEqual(1);
  }
  frame.close();
});

test("draws VideoFrames where WebGPU copies none", async () => {
  const { device } = both.gpu.gpu ?? {};
  if (!device) throw new Error("no GPU");
  const { queue } = device;
  const original = queue.copyExternalImageToTexture.bind(queue);
  const copy = vi.spyOn(queue, "copyExternalImageToTexture");
  copy.mockImplementation((from, to, extent) => {
    if (from.source instanceof VideoFrame) throw new TypeError("no VideoFrame");
    original(from, to, extent);
  });
  const frame = new VideoFrame(await createImageBitmap(colors(() => 255)), {
    timestamp: 0,
  });
  try {
    expect(await difference(both, frame)).toBeLessThan(2);
  } finally {
    copy.mockRestore();
    frame.close();
  }
});

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
  const round = async (): Promise<number> => {
    for (const side of [256, 384, 512, 640, 768, 1024, 1152, 1536]) {
      for (const frame of [large, small]) {
        const all = { ...options, size: side, anyres: side < 512 };
        for (const view of preprocessor.views(frame, all)) {
          await preprocessor.run(frame, view, options);
        }
      }
    }
    return bytes.now;
  };
  const before = bytes.now;
  const first = await round();
  expect(first).toBeGreaterThan(before);
  expect(await round()).toBe(first);
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
