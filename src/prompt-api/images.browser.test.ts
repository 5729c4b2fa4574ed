import { describe, expect, onTestFinished, test } from "vitest";
import {
  caption,
  languageModel,
  rejects,
  withImages,
} from "../testing/language-models";
import { solidCanvas, imageFile } from "../testing/images";

describe("images", () => {
  const say = (value: unknown, type = "image") =>
    [
      {
        role: "user",
        content: [
          { type: "text", value: "describe this" },
          { type: type as "image", value },
        ],
      },
    ] as const;

  const sources: Record<string, () => unknown> = {
    Blob: () => imageFile(),
    ArrayBuffer: async () => (await imageFile()).arrayBuffer(),
    DataView: async () => new DataView(await (await imageFile()).arrayBuffer()),
    "part of a buffer": async () => {
      const bytes = new Uint8Array(await (await imageFile()).arrayBuffer());
      const longer = new Uint8Array(256 + bytes.length);
      longer.set(bytes, 256);
      return longer.subarray(256);
    },
    ImageData: () => new ImageData(16, 16),
    ImageBitmap: async () => createImageBitmap(await imageFile()),
    VideoFrame: async () => {
      const bitmap = await createImageBitmap(await imageFile());
      const frame = new VideoFrame(bitmap, { timestamp: 1 });
      onTestFinished(() => frame.close());
      return frame;
    },
    canvas: () => solidCanvas(),
    OffscreenCanvas: () => {
      const canvas = new OffscreenCanvas(16, 16);
      canvas.getContext("2d")?.fillRect(1, 1, 4, 4);
      return canvas;
    },
    "img that loads yet": async () => {
      const image = new Image();
      image.src = URL.createObjectURL(await imageFile());
      return image;
    },
    "svg image": async () => {
      const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
      const image = document.createElementNS(svg.namespaceURI, "image");
      const loaded = new Promise((resolve) =>
        image.addEventListener("load", resolve),
      );
      image.setAttribute("width", "16");
      image.setAttribute("height", "16");
      image.setAttribute("href", solidCanvas().toDataURL());
      svg.append(image);
      document.body.append(svg);
      onTestFinished(() => svg.remove());
      await loaded;
      return image;
    },
  };

  test.each(Object.keys(sources))("%s", async (name) => {
    const { create, asked } = languageModel();
    const model = await create(withImages);
    const value = await sources[name]?.();
    expect(await model.prompt(say(value))).toBe(caption);
    expect(asked()?.messages).toEqual([
      { role: "user", text: "describe this", imageCount: 1 },
    ]);
  });

  test("are copied when given and encoded once", async () => {
    const { create, asked } = languageModel();
    const model = await create(withImages);
    const file = await imageFile();
    await model.prompt(say(file));
    const [first] = asked()?.imageIds ?? [];
    await model.prompt("And its colour?");
    expect(asked()?.imageIds).toEqual([first]);
    expect(asked()?.messages.map(({ imageCount }) => imageCount)).toEqual([
      1, 0, 0,
    ]);
  });

  test("are counted without decoding", async () => {
    const model = await languageModel().create(withImages);
    const words = await model.measureContextUsage("describe this");
    const both = await model.measureContextUsage(say(new Blob(["none"])));
    expect(both).toBeGreaterThan(words);
  });

  test("reject when they cannot be decoded", async () => {
    const model = await languageModel().create(withImages);
    await rejects(model.prompt(say(new ArrayBuffer(56))), "InvalidStateError");
    await rejects(model.prompt(say(new Image(), "text")), "TypeError");
    await rejects(model.prompt(say("a.png")), "TypeError");
    expect(await model.prompt("still here")).toBe(caption);
  });

  test("of a video without a frame reject and do not block the queue", async () => {
    const model = await languageModel().create(withImages);
    const video = document.createElement("video");
    await rejects(model.prompt(say(video)), "InvalidStateError");
    video.srcObject = solidCanvas().captureStream();
    video.muted = true;
    await new Promise((resolve) => (video.onloadeddata = resolve));
    await rejects(model.prompt(say(video)), "InvalidStateError");
    await video.play();
    expect(await model.prompt(say(video))).toBe(caption);
  });

  test("have to be in expectedInputs", async () => {
    const model = await languageModel().create();
    const value = await imageFile();
    await rejects(model.prompt(say(value)), "NotSupportedError");
  });
});
