import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { FakeCamera } from "../testing/fake-camera";
import { Mounted } from "../testing/mounted";
import { solidCanvas, solidImage } from "../testing/images";
import "./define";

let mounted: Mounted;
beforeEach(() => {
  mounted = new Mounted({ pace: 2 });
});
afterEach(() => document.body.replaceChildren());

const later = (ms: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, ms));

function canvas(): HTMLCanvasElement {
  return Object.assign(solidCanvas(), { id: "it" });
}

function image(color?: string): HTMLImageElement {
  return Object.assign(solidImage(color), { id: "it" });
}

test("ask works without a start", async () => {
  document.body.append(image());
  mounted.vlm.setAttribute("for", "it");
  await mounted.vlm.ask("What is it?");
  await mounted.vlm.ask("Where is it?");
  const [first, second] = mounted.fake.asked.map(
    ({ imageIds }) => imageIds?.[0],
  );
  expect(first).toBeTypeOf("string");
  expect(mounted.fake.calls.at(-1)).toBe("generate Where is it?");
  expect(second).toBe(first);
});

test("start captions an image once and shows no copy of it", async () => {
  document.body.append(image());
  const { vlm } = mounted;
  vlm.for = "it";
  await vlm.start();
  expect(mounted.detailsOf("caption")).toHaveLength(1);
  await vlm.updateComplete;
  expect(mounted.part("video")?.hidden).toBe(true);
  expect(mounted.part("poster")?.hidden).toBe(true);
  expect(vlm.open).toBe(true);
});

test("live: an image is captioned again when it or the prompt changes", async () => {
  const shown = image();
  document.body.append(shown);
  const { vlm } = mounted;
  vlm.for = "it";
  vlm.live = true;
  await vlm.start();
  await mounted.captions(1);
  await later(600);
  expect(mounted.detailsOf("caption")).toHaveLength(1);
  vlm.prompt = "Read it.";
  await mounted.captions(2);
  shown.src = solidCanvas("#0f0").toDataURL();
  await mounted.captions(3);
  const names = mounted.fake.asked.map(({ imageIds }) => imageIds?.[0]);
  expect(names[0]).toBe(names[1]);
  expect(names[2]).not.toBe(names[1]);
  await later(600);
  expect(mounted.detailsOf("caption")).toHaveLength(3);
});

test("live: an unreadable image is reported once, and the next one captioned", async () => {
  const shown = image();
  shown.src = "data:image/png,broken";
  document.body.append(shown);
  const { vlm } = mounted;
  vlm.for = "it";
  vlm.live = true;
  await vlm.start();
  await vi.waitFor(() => expect(vlm.error?.code).toBe("bad-image"));
  await later(1800);
  expect(mounted.detailsOf("error")).toHaveLength(1);
  shown.src = canvas().toDataURL();
  await mounted.captions(1);
  expect(vlm.error).toBeUndefined();
});

test("the element may be replaced, and is reported while it is missing", async () => {
  const shown = canvas();
  document.body.append(shown);
  const { vlm } = mounted;
  vlm.for = "it";
  vlm.live = true;
  await vlm.start();
  await mounted.captions(2);
  shown.remove();
  await vi.waitFor(() => expect(vlm.state).toBe("failed"));
  expect(vlm.error).toMatchObject({ code: "bad-option" });
  expect(vlm.error?.message).toContain("“it”");
  const { length } = mounted.detailsOf("caption");
  document.body.append(image());
  await mounted.captions(length + 1);
  expect(vlm.error).toBeUndefined();
});

test("waits for an element that does not exist yet", async () => {
  const { vlm } = mounted;
  vlm.for = "it";
  vlm.live = true;
  await expect(vlm.start()).rejects.toMatchObject({ code: "bad-option" });
  expect(vlm.open).toBe(true);
  document.body.append(canvas());
  await mounted.captions(1);
  await vi.waitFor(() => expect(vlm.error).toBeUndefined());
});

test("freeze shows a copy of the image", async () => {
  document.body.append(canvas());
  const { vlm } = mounted;
  vlm.for = "it";
  await vlm.start();
  await vlm.freeze();
  await vlm.updateComplete;
  expect(mounted.part("still")?.hidden).toBe(false);
  await vlm.ask("What?");
  await vlm.ask("Where?");
  const [first, second] = mounted.fake.asked.map(
    ({ imageIds }) => imageIds?.[0],
  );
  expect(second).toBe(first);
  vlm.resume();
  await vlm.updateComplete;
  expect(mounted.part("still")?.hidden).toBe(true);
});

test("changing for while live switches to the other element", async () => {
  document.body.append(image());
  const other = image("#00f");
  other.id = "other";
  document.body.append(other);
  const { vlm } = mounted;
  vlm.for = "it";
  vlm.live = true;
  await vlm.start();
  await mounted.captions(1);
  vlm.for = "other";
  await mounted.captions(2);
  const names = mounted.fake.asked.map(({ imageIds }) => imageIds?.[0]);
  expect(names[1]).not.toBe(names[0]);
  vlm.for = "";
  await vi.waitFor(() => expect(vlm.open).toBe(false));
});

test("the error of a cross-origin image says how to allow it", async () => {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><foreignObject width="9" height="9"><p xmlns="http://www.w3.org/1999/xhtml">x</p></foreignObject></svg>`;
  const shown = image();
  shown.src = URL.createObjectURL(new Blob([svg], { type: "image/svg+xml" }));
  document.body.append(shown);
  mounted.vlm.for = "it";
  await expect(mounted.vlm.ask("What?")).rejects.toMatchObject({
    code: "bad-image",
    advice: expect.stringContaining("crossorigin") as string,
  });
});

test("a small SVG is drawn at the size of the request", async () => {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><circle r="4" /></svg>`;
  const shown = image();
  shown.src = URL.createObjectURL(new Blob([svg], { type: "image/svg+xml" }));
  document.body.append(shown);
  mounted.vlm.for = "it";
  mounted.vlm.size = 128;
  await mounted.vlm.ask("What?");
  await mounted.vlm.ask("What?", { size: 192 });
  expect(mounted.fake.widths).toEqual([128, 192]);
});

test("a stream is captioned and not stopped", async () => {
  const camera = new FakeCamera();
  const stream = await navigator.mediaDevices.getUserMedia({ video: true });
  const { vlm } = mounted;
  vlm.stream = stream;
  vlm.live = true;
  await vlm.start();
  await mounted.captions(2);
  await vlm.updateComplete;
  expect(mounted.part("video")?.hidden).toBe(false);
  vlm.stop();
  expect(camera.track.readyState).toBe("live");
  await vlm.start();
  camera.track.stop();
  await vi.waitFor(() => expect(mounted.detailsOf("ended")).toHaveLength(1));
  expect(vlm.open).toBe(false);
});
