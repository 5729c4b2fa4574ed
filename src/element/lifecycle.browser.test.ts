import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { FakeCamera } from "../testing/fake-camera";
import { Mounted } from "../testing/mounted";
import { solidImage } from "../testing/images";
import "./define";

let camera: FakeCamera;
let mounted: Mounted;

beforeEach(() => (camera = new FakeCamera()));
afterEach(() => {
  vi.restoreAllMocks();
  document.body.replaceChildren();
});

const later = (ms: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, ms));

const captions = (count: number): Promise<void> =>
  vi.waitFor(() =>
    expect(mounted.detailsOf("caption").length).toBeGreaterThanOrEqual(count),
  );

async function live(): Promise<void> {
  mounted = new Mounted({ pace: 2 });
  mounted.vlm.source = "camera";
  mounted.vlm.live = true;
  await mounted.vlm.start();
  await captions(1);
}

test("dispose right after load prevents the load", async () => {
  mounted = new Mounted();
  const { vlm, fake } = mounted;
  // The bundled model needs no consent, so no worker is asked about it.
  Object.assign(vlm, { model: "nano", modelBase: "/elsewhere/" });
  const loading = vlm.load();
  vlm.dispose();
  await expect(loading).rejects.toMatchObject({ code: "aborted" });
  await later(50);
  expect(fake.calls).toEqual([]);
  expect(vlm.state).toBe("idle");
});

test("cancelling the first load closes the source", async () => {
  mounted = new Mounted({ pace: 50 });
  const { vlm } = mounted;
  vlm.source = "camera";
  const started = vlm.start();
  const ended = expect(started).rejects.toMatchObject({ code: "aborted" });
  await vi.waitFor(() => expect(vlm.progress?.loaded).toBeGreaterThan(0));
  vlm.cancelLoad();
  await ended;
  expect(vlm.open).toBe(false);
  expect(vlm.state).toBe("idle");
  expect(camera.track.readyState).toBe("ended");
});

test("cancelling the load of another model leaves the camera open", async () => {
  await live();
  const { vlm } = mounted;
  mounted.fake.script = { ...mounted.fake.script, pace: 50 };
  vlm.model = "/models/other";
  const other = expect(vlm.load()).rejects.toMatchObject({ code: "aborted" });
  await vi.waitFor(() => expect(vlm.state).toBe("loading"));
  vlm.cancelLoad();
  await other;
  expect(vlm.open).toBe(true);
  expect(camera.track.readyState).toBe("live");
});

test("an ask that is already aborted starts nothing", async () => {
  mounted = new Mounted();
  const { vlm, fake } = mounted;
  const asked = vlm.ask("What?", { signal: AbortSignal.abort() });
  await expect(asked).rejects.toMatchObject({ code: "aborted" });
  await later(50);
  expect(fake.calls).toEqual([]);
  expect(mounted.detailsOf("statechange")).toEqual([]);
});

test("resume aborts a freeze that waits for its frame", async () => {
  await live();
  const { vlm } = mounted;
  const frozen = vlm.freeze();
  vlm.resume();
  await expect(frozen).rejects.toMatchObject({ code: "aborted" });
  expect(vlm.frozen).toBe(false);
  await captions(mounted.detailsOf("caption").length + 2);
});

test("live captions switched on during a freeze stop when the frame is frozen", async () => {
  await live();
  const { vlm } = mounted;
  vlm.live = false;
  await vlm.updateComplete;
  const frozen = vlm.freeze();
  vlm.live = true;
  await frozen;
  await vi.waitFor(() => expect(vlm.state).toBe("paused"));
  const { length } = mounted.detailsOf("frame");
  await later(200);
  expect(mounted.detailsOf("frame")).toHaveLength(length);
});

test("a failed freeze is reported, and captions continue", async () => {
  mounted = new Mounted({ pace: 2 });
  const { vlm } = mounted;
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { id: "it", width: 8, height: 8 });
  document.body.append(canvas);
  Object.assign(vlm, { for: "it", live: true });
  await vlm.start();
  await captions(1);
  canvas.remove();
  await expect(vlm.freeze()).rejects.toMatchObject({ code: "bad-option" });
  expect(mounted.detailsOf("error")[0]).toMatchObject({ code: "bad-option" });
  document.body.append(canvas);
  await captions(mounted.detailsOf("caption").length + 1);
});

test("the wake lock is held only while a source is open", async () => {
  const release = vi.fn(() => Promise.resolve());
  const request = vi.fn(() =>
    Promise.resolve({ release } as unknown as WakeLockSentinel),
  );
  vi.spyOn(navigator.wakeLock, "request").mockImplementation(request);
  const denied = new DOMException("no", "NotAllowedError");
  vi.spyOn(navigator.mediaDevices, "getDisplayMedia").mockRejectedValue(denied);
  mounted = new Mounted();
  const { vlm } = mounted;
  vlm.source = "screen";
  await expect(vlm.start()).rejects.toMatchObject({ code: "screen-denied" });
  await later(100);
  expect(request).not.toHaveBeenCalled();
  vlm.source = "camera";
  await vlm.start();
  await vi.waitFor(() => expect(request).toHaveBeenCalledOnce());
  vlm.stop();
  await vi.waitFor(() => expect(release).toHaveBeenCalledOnce());
});

test("loading=visible waits again after the element was removed", async () => {
  mounted = new Mounted();
  const { vlm, fake } = mounted;
  vlm.loading = "visible";
  await vi.waitFor(() => expect(vlm.state).toBe("ready"));
  vlm.remove();
  await vi.waitFor(() => expect(vlm.state).toBe("idle"));
  const { length } = fake.calls;
  const hidden = document.createElement("div");
  hidden.hidden = true;
  document.body.append(hidden);
  hidden.append(vlm);
  await later(200);
  expect(fake.calls).toHaveLength(length);
  hidden.hidden = false;
  await vi.waitFor(() => expect(vlm.state).toBe("ready"));
});

test("its signal still stops it after it was removed and added again", async () => {
  mounted = new Mounted();
  const { vlm } = mounted;
  const controller = new AbortController();
  Object.assign(vlm, { source: "camera", signal: controller.signal });
  await vlm.updateComplete;
  vlm.remove();
  await later(0);
  document.body.append(vlm);
  await vlm.start();
  controller.abort();
  expect(vlm.open).toBe(false);
});

/** The document of an iframe. */
async function frame(): Promise<Document> {
  const frame = document.createElement("iframe");
  const loaded = new Promise((resolve) =>
    frame.addEventListener("load", resolve),
  );
  frame.srcdoc = "<p>Another document.</p>";
  document.body.append(frame);
  await loaded;
  if (!frame.contentDocument) throw new Error("no document");
  return frame.contentDocument;
}

const widthOfText = (vlm: HTMLElement): string | undefined => {
  const view = vlm.ownerDocument.defaultView;
  const announcer = vlm.shadowRoot?.querySelector(".announcer");
  return announcer ? view?.getComputedStyle(announcer).width : undefined;
};

test("its styles apply in the document of an iframe", async () => {
  const other = await frame();
  const { vlm } = (mounted = new Mounted());
  const early = document.createElement("fast-vlm");
  other.body.append(early);
  await early.updateComplete;
  await vi.waitFor(() => expect(widthOfText(early)).toBe("1px"));
  other.body.append(vlm);
  await vi.waitFor(() => expect(widthOfText(vlm)).toBe("1px"));
  document.body.append(vlm);
  await vi.waitFor(() => expect(widthOfText(vlm)).toBe("1px"));
});

test("for finds elements in the document of an iframe", async () => {
  const other = await frame();
  mounted = new Mounted();
  const { vlm } = mounted;
  vlm.for = "it";
  for (const name of ["canvas", "img"] as const) {
    const shown = other.createElement(name);
    Object.assign(shown, { id: "it", width: 8, height: 8 });
    if (name === "img") shown.setAttribute("src", solidImage().src);
    other.body.replaceChildren(shown, vlm);
    expect(await vlm.ask("What?")).toMatchObject({ finish: "stop" });
  }
});

test("captions continue when the element is moved into an iframe", async () => {
  const other = await frame();
  await live();
  const { vlm } = mounted;
  other.body.append(vlm);
  await captions(mounted.detailsOf("caption").length + 2);
  expect(camera.asked).toHaveLength(1);
  expect(vlm.open).toBe(true);
});
