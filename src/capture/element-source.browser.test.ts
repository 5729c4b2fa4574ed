import { afterEach, expect, test, vi } from "vitest";
import type { VlmError } from "../shared/errors";
import { now } from "../shared/clock";
import { paintedCanvas, paintedImage } from "../testing/painted";
import { ElementSource } from "./element-source";

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

function drawn(color: string): HTMLCanvasElement {
  return Object.assign(paintedCanvas(color), { id: "it" });
}

function image(color: string): HTMLImageElement {
  return Object.assign(paintedImage(color), { id: "it" });
}

/** Whether `work` is still pending after a while. */
async function waits(work: Promise<unknown>): Promise<boolean> {
  const late = new Promise<string>((resolve) =>
    setTimeout(resolve, 700, "late"),
  );
  return (await Promise.race([work, late])) === "late";
}

test("returns an image once per question, with an id", async () => {
  document.body.append(image("#f00"));
  look();
  await sight.open();
  const first = await sight.next(never, () => "what?");
  const again = sight.next(never, () => "what?");
  expect(await waits(again)).toBe(true);
  const other = image("#0f0");
  document.querySelector("#it")?.setAttribute("src", other.src);
  const second = await again;
  const question = await sight.next(never, () => "where?");
  sight.skip();
  await sight.next(never, () => "where?");
  expect(first.name).toBeTypeOf("string");
  expect(second.name).not.toBe(first.name);
  expect(question.name).toBe(second.name);
  expect(now() - question.time).toBeLessThan(500);
});

test("returns the current image if there is no question", async () => {
  document.body.append(image("#f00"));
  look();
  const first = await sight.next(never);
  const second = await sight.next(never);
  expect(second.name).toBe(first.name);
});

test("the same URL loaded again is another image", async () => {
  const shown = image("#f00");
  document.body.append(shown);
  look();
  await sight.open();
  const first = await sight.next(never, () => "");
  shown.dispatchEvent(new Event("load"));
  const second = await sight.next(never, () => "");
  expect(second.name).not.toBe(first.name);
});

test("returns a canvas every time, because it may have changed", async () => {
  document.body.append(drawn("#00f"));
  look();
  await sight.open();
  const first = await sight.next(never, () => "");
  const second = await sight.next(never, () => "");
  expect([first.name, second.name]).toEqual([undefined, undefined]);
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
    (await sight.next(never, () => "")).frame.close();
  }
  video.pause();
  (await sight.next(never, () => "paused")).frame.close();
  const next = sight.next(never, () => "paused");
  expect(await waits(next)).toBe(true);
  await video.play();
  (await next).frame.close();
  clearInterval(again);
});

test("reports a missing element, waits for it, and reports when it disappears", async () => {
  look("später:1");
  await expect(sight.open()).rejects.toMatchObject({
    code: "bad-option",
    message: expect.stringContaining("“später:1”") as string,
  });
  const next = sight.next(never, () => "");
  const canvas = drawn("#fff");
  canvas.id = "später:1";
  document.body.append(canvas);
  (await next).frame.close();
  await vi.waitFor(() => expect(listener.onLive).toHaveBeenCalledOnce());
  canvas.remove();
  await vi.waitFor(() => expect(listener.onInterrupted).toHaveBeenCalledOnce());
  await expect(sight.next(never)).rejects.toMatchObject({ code: "bad-option" });
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
  (await sight.next(never)).frame.close();
  sight.close();
  look("it", outer);
  await expect(sight.open()).rejects.toMatchObject({ code: "bad-option" });
});

test("close ends the waiting", async () => {
  look();
  await expect(sight.open()).rejects.toMatchObject({ code: "bad-option" });
  const next = sight.next(never, () => "");
  sight.close();
  await expect(next).rejects.toMatchObject({ code: "aborted" });
});
