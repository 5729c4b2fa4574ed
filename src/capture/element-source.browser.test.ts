import { afterEach, expect, test, vi } from "vitest";
import type { VlmError } from "../shared/errors";
import { now } from "../shared/clock";
import { solidCanvas, solidImage } from "../testing/images";
import { ElementSource } from "./element-source";
import type { CapturedFrame } from "./frame-source";

const never = new AbortController().signal;
const listener = {
  onLive: vi.fn<() => void>(),
  onInterrupted: vi.fn<(reason: VlmError) => void>(),
  onEnded: vi.fn<() => void>(),
};

let sight: ElementSource;
afterEach(() => {
  sight.close();
  document.body.replaceChildren();
  vi.clearAllMocks();
});

function look(id = "it", host: Element = document.body): void {
  sight = new ElementSource(host, id, listener);
}

/** The next image, as live captions read it; with no question, as one request. */
async function next(question?: () => string): Promise<CapturedFrame> {
  await sight.ready(never, question);
  const captured = await sight.take(never, 256, question);
  if (!captured) throw new Error("no image");
  return captured;
}

function drawn(color: string): HTMLCanvasElement {
  return Object.assign(solidCanvas(color), { id: "it" });
}

function image(color: string): HTMLImageElement {
  return Object.assign(solidImage(color), { id: "it" });
}

/** Whether `work` is still pending after the sources were checked again: another
 * source, which began to wait later, has noticed its image by then. */
async function waits(work: Promise<unknown>): Promise<boolean> {
  const id = "another";
  const another = new ElementSource(document.body, id, listener);
  const noticed = another.ready(never, () => "");
  document.body.append(Object.assign(solidCanvas(), { id }));
  const first = await Promise.race([work, noticed.then(() => "pending")]);
  another.close();
  return first === "pending";
}

test("returns an image once per question, with an id", async () => {
  document.body.append(image("#f00"));
  look();
  await sight.open();
  const first = await next(() => "what?");
  const again = next(() => "what?");
  expect(await waits(again)).toBe(true);
  const other = image("#0f0");
  document.querySelector("#it")?.setAttribute("src", other.src);
  const second = await again;
  const asked = now();
  const question = await next(() => "where?");
  sight.skip();
  await next(() => "where?");
  expect(first.imageId).toBeTypeOf("string");
  expect(second.imageId).not.toBe(first.imageId);
  expect(question.imageId).toBe(second.imageId);
  expect(question.time).toBeGreaterThanOrEqual(asked);
});

test("returns the current image if there is no question", async () => {
  document.body.append(image("#f00"));
  look();
  const first = await next();
  const second = await next();
  expect(second.imageId).toBe(first.imageId);
});

test("the same URL loaded again is another image", async () => {
  const shown = image("#f00");
  document.body.append(shown);
  look();
  await sight.open();
  const first = await next(() => "");
  shown.dispatchEvent(new Event("load"));
  const second = await next(() => "");
  expect(second.imageId).not.toBe(first.imageId);
});

test("returns a canvas every time, because it may have changed", async () => {
  document.body.append(drawn("#00f"));
  look();
  await sight.open();
  const first = await next(() => "");
  const second = await next(() => "");
  expect([first.imageId, second.imageId]).toEqual([undefined, undefined]);
});

test("returns a paused video once and a playing one repeatedly", async () => {
  const canvas = drawn("#0f0");
  const again = setInterval(() => {
    canvas.getContext("2d")?.fillRect(0, 0, 8, 8);
  }, 20);
  const video = document.createElement("video");
  Object.assign(video, { id: "it", muted: true });
  video.srcObject = canvas.captureStream(50);
  document.body.append(video);
  await video.play();
  look();
  await sight.open();
  for (let count = 0; count < 3; count++) {
    (await next(() => "")).frame.close();
  }
  video.pause();
  (await next(() => "paused")).frame.close();
  const later = next(() => "paused");
  expect(await waits(later)).toBe(true);
  await video.play();
  (await later).frame.close();
  clearInterval(again);
});

test("reports a missing element, waits for it, and reports when it disappears", async () => {
  look("später:1");
  await expect(sight.open()).rejects.toMatchObject({
    code: "bad-option",
    message: expect.stringContaining("“später:1”") as string,
  });
  const later = next(() => "");
  const canvas = drawn("#fff");
  canvas.id = "später:1";
  document.body.append(canvas);
  (await later).frame.close();
  await vi.waitFor(() => expect(listener.onLive).toHaveBeenCalledOnce());
  canvas.remove();
  await vi.waitFor(() => expect(listener.onInterrupted).toHaveBeenCalledOnce());
  await expect(next()).rejects.toMatchObject({ code: "bad-option" });
});

test("finds only visual elements in the tree of the host", async () => {
  const host = document.createElement("div");
  host.attachShadow({ mode: "open" }).append(image("#f00"));
  const outer = document.createElement("p");
  outer.id = "it";
  document.body.append(outer, host);
  const within = host.shadowRoot?.firstElementChild;
  if (!within) throw new Error("no image");
  look("it", within);
  await sight.open();
  (await next()).frame.close();
  sight.close();
  look("it", outer);
  await expect(sight.open()).rejects.toMatchObject({ code: "bad-option" });
});

test("close ends the waiting", async () => {
  look();
  await expect(sight.open()).rejects.toMatchObject({ code: "bad-option" });
  const later = next(() => "");
  sight.close();
  await expect(later).rejects.toMatchObject({ code: "aborted" });
});
