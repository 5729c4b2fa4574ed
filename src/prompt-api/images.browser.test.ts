import { describe, expect, onTestFinished, test, vi } from "vitest";
import {
  caption,
  languageModel,
  rejects,
  withImages,
} from "../testing/language-models";
import { VlmError } from "../shared/errors";
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

  describe("copies", () => {
    /** Bitmaps that were made from now on and are still open. */
    function openCopies(): () => number {
      const made: ImageBitmap[] = [];
      const { prototype } = OffscreenCanvas;
      const copy = Object.getOwnPropertyDescriptor(
        prototype,
        "transferToImageBitmap",
      )?.value as () => ImageBitmap;
      const spy = vi
        .spyOn(prototype, "transferToImageBitmap")
        .mockImplementation(function (this: OffscreenCanvas) {
          const bitmap = copy.call(this);
          made.push(bitmap);
          return bitmap;
        });
      onTestFinished(() => spy.mockRestore());
      return () => made.filter(({ width }) => width > 0).length;
    }

    test("are closed with the session and its clones", async () => {
      const bitmap = await createImageBitmap(solidCanvas());
      const model = await languageModel().create(withImages);
      const open = openCopies();
      await model.prompt(say(bitmap));
      expect(open()).toBe(1);
      const clone = await model.clone();
      model.destroy();
      expect(open()).toBe(1);
      clone.destroy();
      expect(open()).toBe(0);
      expect(bitmap.width).toBe(8);
    });

    test("are closed if a prompt fails or is evicted", async () => {
      const bitmap = await createImageBitmap(solidCanvas());
      const error = new VlmError("internal", "No.", "Try again.");
      const script = { runErrors: { 1: error } };
      const model = await languageModel(script).create(withImages);
      const open = openCopies();
      await rejects(model.prompt(say(bitmap)), "UnknownError");
      expect(open()).toBe(0);
      await model.prompt(say(bitmap));
      await model.append("word ".repeat(400));
      expect(open()).toBe(1);
      await model.append("word ".repeat(400));
      expect(open()).toBe(0);
    });

    test("of initial prompts are closed if the session cannot open", async () => {
      const bitmap = await createImageBitmap(solidCanvas());
      const loadError = new VlmError("internal", "No.", "Try again.");
      const open = openCopies();
      const opening = languageModel({ loadError }).create({
        ...withImages,
        initialPrompts: say(bitmap),
      });
      await rejects(opening, "UnknownError");
      await vi.waitFor(() => expect(open()).toBe(0));
    });
  });
});
