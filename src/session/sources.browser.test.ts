import { describe, expect, onTestFinished, test } from "vitest";
import { solidCanvas, imageFile } from "../testing/images";
import { openSession } from "../testing/sessions";
import { readImages, type Source } from "./source-image";

const never = new AbortController().signal;

async function pixel(source: Source): Promise<number[]> {
  const [image] = await readImages([source], 256, never);
  if (!image) throw new Error("no image");
  const { width, height } = image.bitmap;
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d");
  context?.drawImage(image.bitmap, 0, 0);
  const { data } = context?.getImageData(width / 2, height / 2, 1, 1) ?? {};
  return [...(data ?? [])];
}

async function image(src: string): Promise<HTMLImageElement> {
  const element = new Image();
  element.src = src;
  await element.decode();
  return element;
}

const redSvg = `data:image/svg+xml,${encodeURIComponent(`<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"><rect width="8" height="8" fill="red"/></svg>`)}`;

function stream(): MediaStream {
  const canvas = solidCanvas();
  const made = canvas.captureStream(20);
  const context = canvas.getContext("2d");
  const timer = setInterval(() => context?.fillRect(0, 0, 8, 8), 30);
  onTestFinished(() => clearInterval(timer));
  return made;
}

function track(): MediaStreamTrack {
  const [video] = stream().getVideoTracks();
  if (!video) throw new Error("no track");
  return video;
}

async function video(): Promise<HTMLVideoElement> {
  const element = document.createElement("video");
  element.muted = true;
  element.srcObject = stream();
  await element.play();
  return element;
}

const sources: Record<string, () => Source | Promise<Source>> = {
  "a Blob": () => imageFile(),
  "a JPEG File": async () =>
    new File([await imageFile("red", "image/jpeg")], "a.jpg"),
  "a canvas": () => solidCanvas(),
  "an OffscreenCanvas": () => {
    const canvas = new OffscreenCanvas(8, 8);
    canvas.getContext("2d")?.drawImage(solidCanvas(), 0, 0);
    return canvas;
  },
  ImageData: () =>
    solidCanvas().getContext("2d")?.getImageData(0, 0, 8, 8) ??
    new ImageData(1, 1),
  "an ImageBitmap": () => createImageBitmap(solidCanvas()),
  "a VideoFrame": () => new VideoFrame(solidCanvas(), { timestamp: 0 }),
  "an img": () => image(solidCanvas().toDataURL()),
  "an img of SVG": () => image(redSvg),
  "a video": video,
  "a MediaStream": stream,
  "a MediaStreamTrack": track,
};

describe("sources", () => {
  test.each(Object.entries(sources))("%s is looked at", async (_, make) => {
    const [red = 0, green = 255, blue = 255] = await pixel(await make());
    expect(red).toBeGreaterThan(220);
    expect(green).toBeLessThan(40);
    expect(blue).toBeLessThan(40);
  });

  test("what is transparent stays transparent", async () => {
    const empty = new ImageData(8, 8);
    expect(await pixel(empty)).toEqual([0, 0, 0, 0]);
    expect(await pixel(await createImageBitmap(empty))).toEqual([0, 0, 0, 0]);
    expect(await pixel(new OffscreenCanvas(4, 4))).toEqual([0, 0, 0, 0]);
  });

  test("the caller's objects are left as they were, and can be asked again", async () => {
    const { session, fake } = await openSession();
    const bitmap = await createImageBitmap(solidCanvas());
    const frame = new VideoFrame(solidCanvas(), { timestamp: 0 });
    const live = stream();
    const all = [bitmap, frame, live];
    await session.describe(all).done();
    await session.describe(all).done();
    session.dispose();
    expect(bitmap.width).toBe(8);
    expect(frame.codedWidth).toBe(8);
    expect(live.getTracks()[0]?.readyState).toBe("live");
    const [first, second] = fake.asked.map(({ imageIds }) => imageIds ?? []);
    expect(second?.slice(0, 2)).toEqual(first?.slice(0, 2));
    expect(second?.[2]).not.toBe(first?.[2]);
    frame.close();
  });

  test("what changes is as it was when it was asked about", async () => {
    const { session, fake } = await openSession({ pace: 20 });
    const canvas = new OffscreenCanvas(8, 8);
    canvas.getContext("2d");
    const first = session.describe(canvas);
    canvas.width = 16;
    const second = session.describe(canvas);
    canvas.width = 32;
    await Promise.all([first.done(), second.done()]);
    expect(fake.widths).toEqual([8, 16]);
  });

  test("a small SVG is drawn at the size of the request", async () => {
    const { session, fake } = await openSession();
    const markup = `<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><circle r="4" /></svg>`;
    const file = new Blob([markup], { type: "image/svg+xml" });
    const svg = await image(URL.createObjectURL(file));
    await session.describe(svg).done();
    await session.describe(svg, { size: 512 }).done();
    await session.describe(svg, { size: 128, anyres: true }).done();
    const messages = [{ role: "user", text: "What?", images: [file] }] as const;
    await session.converse(messages, { size: 64 }).done();
    for await (const { size } of session.watch(svg, { size: 192 })) {
      expect(size).toBe(192);
      break;
    }
    expect(fake.widths).toEqual([256, 512, 256, 64, 192]);
  });

  test("features of an SVG are reused for the same size only", async () => {
    const { session, fake } = await openSession();
    const file = await (await fetch(redSvg)).blob();
    await session.describe(file, { size: 512 }).done();
    await session.describe(file, { size: 64 }).done();
    await session.describe(file, { size: 512 }).done();
    const [large, small, again] = fake.asked.map(({ imageIds }) => imageIds);
    expect(small).not.toEqual(large);
    expect(again).toEqual(large);
  });
});

describe("what cannot be looked at", () => {
  /** What the browser may not show to a page, without another origin. */
  function foreignImage(): Promise<HTMLImageElement> {
    const markup = `<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"><foreignObject width="8" height="8"><p xmlns="http://www.w3.org/1999/xhtml">x</p></foreignObject></svg>`;
    const file = new Blob([markup], { type: "image/svg+xml" });
    return image(URL.createObjectURL(file));
  }

  const closedBitmap = async (): Promise<ImageBitmap> => {
    const bitmap = await createImageBitmap(solidCanvas());
    bitmap.close();
    return bitmap;
  };
  const closedFrame = (): VideoFrame => {
    const frame = new VideoFrame(solidCanvas(), { timestamp: 0 });
    frame.close();
    return frame;
  };
  const ended = (): MediaStreamTrack => {
    const over = track();
    over.stop();
    return over;
  };
  const sound = (): MediaStreamTrack => {
    const context = new AudioContext();
    const [audio] = context
      .createMediaStreamDestination()
      .stream.getAudioTracks();
    if (!audio) throw new Error("no track");
    return audio;
  };
  const detached = (): OffscreenCanvas => {
    const canvas = new OffscreenCanvas(8, 8);
    const { port1 } = new MessageChannel();
    port1.postMessage(canvas, [canvas]);
    return canvas;
  };
  const bad: [string, string, () => unknown][] = [
    ["a text file", "bad-image", () => new Blob(["hello"])],
    ["an empty file", "bad-image", () => new Blob([])],
    ["a closed ImageBitmap", "bad-image", closedBitmap],
    ["a closed VideoFrame", "bad-image", closedFrame],
    ["an empty canvas", "bad-image", () => solidCanvas("red", 0, 0)],
    ["an empty OffscreenCanvas", "bad-image", () => new OffscreenCanvas(0, 0)],
    ["one that was handed over", "bad-image", detached],
    ["an img without an image", "bad-image", () => new Image()],
    ["an ended track", "bad-option", ended],
    ["a track of sound", "bad-option", sound],
    ["a text", "bad-option", () => "image.png"],
    ["nothing", "bad-option", () => undefined],
    ["null", "bad-option", () => null],
    ["a plain object", "bad-option", () => ({})],
    ["another element", "bad-option", () => document.createElement("p")],
  ];

  test.each(bad)(
    "%s is %s, and the next good one works",
    async (_, code, make) => {
      const { session } = await openSession();
      const source = (await make()) as Source;
      const failed = session.describe(source).done();
      await expect(failed).rejects.toMatchObject({
        code,
        advice: expect.stringMatching(/\w/) as string,
      });
      const good = await session.describe(await imageFile()).done();
      expect(good.finish).toBe("stop");
    },
  );

  test("an img of another origin: crossorigin is advised", async () => {
    await expect(pixel(await foreignImage())).rejects.toMatchObject({
      code: "bad-image",
      advice: expect.stringMatching(/crossorigin/) as string,
    });
  });

  test("what was drawn with such an image, too", async () => {
    const canvas = new OffscreenCanvas(8, 8);
    canvas.getContext("2d")?.drawImage(await foreignImage(), 0, 0);
    const refused = {
      code: "bad-image",
      advice: expect.stringMatching(/crossorigin/) as string,
    };
    await expect(pixel(canvas)).rejects.toMatchObject(refused);
    const bitmap = await createImageBitmap(canvas);
    await expect(pixel(bitmap)).rejects.toMatchObject(refused);
  });

  test("of several a bad one is told, and nothing is asked", async () => {
    const { session, fake } = await openSession();
    const several = session.describe([await imageFile(), new Blob(["x"])]);
    await expect(several.done()).rejects.toMatchObject({ code: "bad-image" });
    expect(fake.asked).toEqual([]);
  });

  test("a video that gives no image is waited for until aborted", async () => {
    const { session } = await openSession();
    const controller = new AbortController();
    const { signal } = controller;
    const video = document.createElement("video");
    const waiting = session.describe(video, { signal }).done();
    setTimeout(() => controller.abort(), 100);
    await expect(waiting).rejects.toMatchObject({ code: "aborted" });
    expect((await session.describe(await imageFile()).done()).finish).toBe(
      "stop",
    );
  });
});
