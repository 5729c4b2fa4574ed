import { afterEach, describe, expect, test, vi } from "vitest";
import {
  captureElement,
  elementReady,
  isSettled,
  isVisualElement,
  type VisualElement,
} from "./element-frame";
import type { Frame } from "../shared/protocol";

afterEach(() => document.body.replaceChildren());

/** Vector images are rasterized at this side. */
const side = 512;
const never = new AbortController().signal;

/** Colour in the middle of a frame, and its size. */
function look(frame: Frame): { size: number[]; rgb: number[] } {
  const size =
    "codedWidth" in frame
      ? [frame.displayWidth, frame.displayHeight]
      : [frame.width, frame.height];
  const context = new OffscreenCanvas(1, 1).getContext("2d");
  context?.drawImage(frame, 0, 0, 1, 1);
  frame.close();
  const pixel = context?.getImageData(0, 0, 1, 1).data ?? [];
  return { size, rgb: [...pixel].slice(0, 3) };
}

function paint(colour: string, width = 8, height = 4): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { id: "drawn", width, height });
  const context = canvas.getContext("2d");
  if (!context) throw new Error("no canvas");
  context.fillStyle = colour;
  context.fillRect(0, 0, width, height);
  return canvas;
}

function imageOf(src: string): HTMLImageElement {
  const image = document.createElement("img");
  image.id = "shown";
  image.src = src;
  return image;
}

const svg = (inner: string, size = ""): string =>
  `<svg xmlns="http://www.w3.org/2000/svg" ${size}>${inner}</svg>`;
const urlOf = (text: string): string =>
  URL.createObjectURL(new Blob([text], { type: "image/svg+xml" }));
const blue = `<rect width="100%" height="100%" fill="#00f"/>`;

test("waits for an image that is still loading", async () => {
  const image = imageOf(paint("#f00").toDataURL());
  expect(look(await captureElement(image, side, never))).toEqual({
    ...{ size: [8, 4], rgb: [255, 0, 0] },
  });
  // It is left as it is, and can be read again.
  expect(look(await captureElement(image, side, never)).rgb).toEqual([
    255, 0, 0,
  ]);
});

test("keeps transparent pixels", async () => {
  for (const element of [imageOf(paint("#0000").toDataURL()), paint("#0000")]) {
    const frame = await captureElement(element, side, never);
    const context = new OffscreenCanvas(1, 1).getContext("2d");
    context?.drawImage(frame, 0, 0);
    expect(context?.getImageData(0, 0, 1, 1).data[3]).toBe(0);
    frame.close();
  }
});

test.each([
  ["a density of 2", "2x", ""],
  ["a density below 1", "0.5x", ""],
  ["a width and sizes", "8w", "3px"],
])(
  "an img with %s in srcset has the size of its file",
  async (_, by, sizes) => {
    const image = document.createElement("img");
    if (sizes) image.sizes = sizes;
    image.srcset = `${paint("#f00").toDataURL()} ${by}`;
    const { size, rgb } = look(await captureElement(image, side, never));
    expect(size).toEqual([8, 4]);
    expect(rgb).toEqual([255, 0, 0]);
  },
);

test("a small SVG is enlarged", async () => {
  const circle = `<circle cx="12" cy="12" r="9" fill="#00f"/>`;
  const image = imageOf(urlOf(svg(circle, `width="24" height="24"`)));
  expect(look(await captureElement(image, side, never)).size).toEqual([
    side,
    side,
  ]);
});

test("an SVG without a size has the shape of its element", async () => {
  const image = imageOf(urlOf(svg(blue)));
  image.width = 30;
  image.height = 20;
  document.body.append(image);
  const { size, rgb } = look(await captureElement(image, side, never));
  expect(rgb).toEqual([0, 0, 255]);
  expect(size[0]).toBeGreaterThan(0);
});

test("reads elements in an iframe that is not painted", async () => {
  const iframe = window.frameElement as HTMLElement | null;
  if (!iframe) throw new Error("The tests have no iframe.");
  const elements = [paint("#f00"), imageOf(paint("#f00").toDataURL())];
  iframe.style.display = "none";
  try {
    for (const element of elements) {
      const { rgb } = look(await captureElement(element, side, never));
      expect(rgb).toEqual([255, 0, 0]);
    }
  } finally {
    iframe.style.display = "";
  }
});

test("waits for a canvas that has no size yet", async () => {
  const canvas = paint("#f00", 0, 0);
  const ready = vi.fn();
  const waiting = elementReady(canvas, never).then(ready);
  expect(isSettled(canvas)).toBe(false);
  await expect(
    elementReady(canvas, AbortSignal.timeout(1)),
  ).rejects.toMatchObject({ code: "aborted" });
  expect(ready).not.toHaveBeenCalled();
  canvas.width = canvas.height = 4;
  await waiting;
});

test("reads a WebGL canvas before it is cleared", async () => {
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: 8, height: 8 });
  document.body.append(canvas);
  const gl = canvas.getContext("webgl");
  if (!gl) throw new Error("no WebGL");
  let drawing = true;
  const draw = (): void => {
    gl.clearColor(0, 1, 0, 1);
    gl.clear(gl.COLOR_BUFFER_BIT);
    if (drawing) requestAnimationFrame(draw);
  };
  draw();
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(look(await captureElement(canvas, side, never)).rgb).toEqual([
    0, 255, 0,
  ]);
  drawing = false;
});

test("waits for a video that has no frame yet", async () => {
  const canvas = paint("#0f0", 64, 48);
  const video = document.createElement("video");
  video.muted = true;
  video.srcObject = canvas.captureStream(30);
  document.body.append(video);
  const reading = captureElement(video, side, never);
  await video.play();
  const again = setInterval(() => canvas.getContext("2d")?.fill(), 20);
  const { size, rgb } = look(await reading);
  clearInterval(again);
  expect(size).toEqual([64, 48]);
  expect(rgb[1]).toBeGreaterThan(200);
});

test("reads a video where no frames are painted, without VideoFrame", async () => {
  const shown = vi
    .spyOn(HTMLVideoElement.prototype, "requestVideoFrameCallback")
    .mockReturnValue(1);
  vi.stubGlobal("VideoFrame", undefined);
  const canvas = paint("#0f0", 64, 48);
  const video = document.createElement("video");
  video.muted = true;
  video.srcObject = canvas.captureStream(30);
  const again = setInterval(() => canvas.getContext("2d")?.fill(), 20);
  await video.play();
  const frame = await captureElement(video, side, never);
  clearInterval(again);
  vi.unstubAllGlobals();
  shown.mockRestore();
  expect(frame).toBeInstanceOf(ImageBitmap);
  const { size, rgb } = look(frame);
  expect(size).toEqual([64, 48]);
  expect(rgb[1]).toBeGreaterThan(200);
});

describe("rejects with advice for", () => {
  async function refusal(element: VisualElement): Promise<unknown> {
    return captureElement(element, side, never).then(
      () => "read",
      (thrown: unknown) => thrown,
    );
  }
  // What the browser may not show to a page, without another origin.
  const foreign = urlOf(
    svg(
      `<foreignObject width="9" height="9"><p xmlns="http://www.w3.org/1999/xhtml">x</p></foreignObject>`,
      `width="9" height="9"`,
    ),
  );

  test("an image of another origin", async () => {
    expect(await refusal(imageOf(foreign))).toMatchObject({
      code: "bad-image",
      message: expect.stringContaining(`<img id="shown">`) as string,
      advice: expect.stringContaining("crossorigin") as string,
    });
  });

  test("a canvas with an image of another origin", async () => {
    const image = imageOf(foreign);
    await image.decode();
    const canvas = paint("#fff");
    canvas.getContext("2d")?.drawImage(image, 0, 0);
    expect(await refusal(canvas)).toMatchObject({
      code: "bad-image",
      advice: expect.stringContaining("crossorigin") as string,
    });
  });

  test.each([
    ["an image without a source", document.createElement("img")],
    ["a file that is not an image", imageOf(urlOf("none"))],
    ["an empty canvas", paint("#fff", 0, 0)],
  ])("%s", async (_, element) => {
    expect(await refusal(element)).toMatchObject({ code: "bad-image" });
  });

  test("a video that cannot be played", async () => {
    const video = document.createElement("video");
    video.src = urlOf("no video");
    expect(await refusal(video)).toMatchObject({ code: "video-unreadable" });
  });
});

test("stops waiting when the signal aborts", async () => {
  const controller = new AbortController();
  const { signal } = controller;
  const never = document.createElement("video");
  const lazy = imageOf(paint("#f00").toDataURL());
  const waiting = [
    captureElement(never, side, signal),
    captureElement(lazy, side, AbortSignal.abort()),
  ];
  controller.abort();
  for (const each of waiting) {
    await expect(each).rejects.toMatchObject({ code: "aborted" });
  }
});

test("recognises visual elements", () => {
  expect(isVisualElement(paint("#fff"))).toBe(true);
  expect(isVisualElement(document.body)).toBe(false);
  expect(isVisualElement(null)).toBe(false);
});
