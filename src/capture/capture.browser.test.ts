import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Capture, type CaptureListener } from "./capture";
import { nextFrame, type CapturedFrame } from "./frame-source";
import { now } from "../shared/clock";
import type { VlmError } from "../shared/errors";
import { FakeCamera } from "../testing/fake-camera";

const source = { kind: "camera", deviceId: "", facing: "" } as const;
const never = new AbortController().signal;
const later = (ms: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, ms));

async function nextOf(signal: AbortSignal): Promise<CapturedFrame> {
  const captured = await nextFrame(capture, signal, 256);
  if (!captured) throw new Error("the capture has ended");
  return captured;
}

let camera: FakeCamera;
let video: HTMLVideoElement;
let capture: Capture;
const listener = {
  onLive: vi.fn<CaptureListener["onLive"]>(),
  onInterrupted: vi.fn<(reason: VlmError) => void>(),
  onEnded: vi.fn<CaptureListener["onEnded"]>(),
};

beforeEach(() => {
  vi.clearAllMocks();
  camera = new FakeCamera();
  video = document.createElement("video");
  video.muted = true;
  capture = new Capture(video, listener);
});

afterEach(() => capture.close());

test("returns the newest frame with its time and counts the dropped ones", async () => {
  await capture.open(source);
  const first = await nextOf(never);
  first.frame.close();
  expect(first.time).toBeLessThanOrEqual(now());
  const taken = now();
  for (let shown = 0; shown < 6; shown++) {
    await new Promise((resolve) => video.requestVideoFrameCallback(resolve));
  }
  const second = await nextOf(never);
  second.frame.close();
  expect(second.time).toBeGreaterThan(taken);
  expect(second.dropped).toBeGreaterThan(0);
});

test("reads an unchanged source again", async () => {
  const stream = await navigator.mediaDevices.getUserMedia({ video: true });
  vi.spyOn(navigator.mediaDevices, "getDisplayMedia").mockResolvedValue(stream);
  camera.restore();
  await capture.open({ kind: "screen" });
  for (let count = 0; count < 2; count++) {
    const { frame } = await nextOf(never);
    frame.close();
    capture.skip();
  }
  vi.restoreAllMocks();
});

test("close stops the camera and rejects pending reads", async () => {
  await capture.open(source);
  const { track } = camera;
  const controller = new AbortController();
  (await nextOf(never)).frame.close();
  capture.close();
  expect(track.readyState).toBe("ended");
  const waiting = nextOf(controller.signal);
  controller.abort();
  await expect(waiting).rejects.toMatchObject({ code: "aborted" });
});

test("requests the chosen camera or facing mode", async () => {
  await capture.open({ ...source, facing: "environment" });
  await capture.open({ kind: "camera", deviceId: "abc", facing: "user" });
  const [facing, chosen] = camera.asked.map(({ video }) => video);
  expect(facing).toMatchObject({ facingMode: { ideal: "environment" } });
  expect(chosen).toMatchObject({ deviceId: { exact: "abc" } });
  expect(chosen).not.toHaveProperty("facingMode");
});

test.each([
  ["NotAllowedError", "camera-denied"],
  ["NotFoundError", "camera-missing"],
  ["OverconstrainedError", "camera-missing"],
  ["NotReadableError", "camera-busy"],
] as const)("%s is %s, with advice", async (name, code) => {
  camera.refusal = new DOMException("no", name);
  await expect(capture.open(source)).rejects.toMatchObject({
    code,
    advice: expect.stringMatching(/automatically\.$/) as string,
  });
});

test("retries a busy camera until it is free", async () => {
  camera.refusal = new DOMException("busy", "NotReadableError");
  await expect(capture.open(source)).rejects.toMatchObject({
    code: "camera-busy",
  });
  expect(listener.onLive).not.toHaveBeenCalled();
  camera.refusal = undefined;
  await vi.waitFor(() => expect(listener.onLive).toHaveBeenCalledOnce());
  (await nextOf(never)).frame.close();
});

test("reports an unplugged camera and resumes when it is plugged in", async () => {
  await capture.open(source);
  camera.unplug();
  expect(listener.onInterrupted.mock.lastCall?.[0].code).toBe("camera-missing");
  camera.plugIn();
  await vi.waitFor(() => expect(listener.onLive).toHaveBeenCalledTimes(2));
  (await nextOf(never)).frame.close();
});

test("reports when a camera stops sending frames and when it resumes", async () => {
  await capture.open(source);
  camera.track.dispatchEvent(new Event("mute"));
  expect(listener.onInterrupted.mock.lastCall?.[0].code).toBe("camera-busy");
  camera.track.dispatchEvent(new Event("unmute"));
  expect(listener.onLive).toHaveBeenCalledTimes(2);
});

test("has frames in a hidden page, but no old ones once it is visible", async () => {
  const show = (isVisible: boolean): void => {
    vi.spyOn(document, "hidden", "get").mockReturnValue(!isVisible);
    document.dispatchEvent(new Event("visibilitychange"));
  };
  await capture.open(source);
  show(false);
  (await nextOf(never)).frame.close();
  await capture.ready(never);
  show(true);
  expect(capture.take()).toBeUndefined();
  (await nextOf(never)).frame.close();
  vi.restoreAllMocks();
});

test("does not resume after close", async () => {
  camera.refusal = new DOMException("no", "NotFoundError");
  await expect(capture.open(source)).rejects.toThrow();
  capture.close();
  const { length } = camera.asked;
  camera.plugIn();
  await later(100);
  expect(camera.asked).toHaveLength(length);
});

test("plays a video file and returns its frames", async () => {
  const stream = await navigator.mediaDevices.getUserMedia({ video: true });
  const recorder = new MediaRecorder(stream, { mimeType: "video/webm" });
  const parts: Blob[] = [];
  recorder.ondataavailable = ({ data }) => {
    if (data.size > 0) parts.push(data);
  };
  const ended = new Promise((resolve) => (recorder.onstop = resolve));
  recorder.start(50);
  await vi.waitFor(() => expect(parts.length).toBeGreaterThan(5));
  recorder.stop();
  await ended;
  await capture.open({ kind: "video", file: new Blob(parts) });
  const { frame } = await nextOf(never);
  expect(frame).toMatchObject({ displayWidth: 64, displayHeight: 48 });
  frame.close();
});

test("rejects with video-unreadable for a file that is not a video", async () => {
  const file = new Blob(["no video"], { type: "video/mp4" });
  await expect(capture.open({ kind: "video", file })).rejects.toMatchObject({
    code: "video-unreadable",
  });
});

test("rejects with video-unreadable for a file without a video track", async () => {
  // WAV: PCM, one channel, 8000 samples a second of 8 bits, a second of them.
  const head = new DataView(new ArrayBuffer(44));
  const write = (at: number, text: string): void =>
    [...text].forEach((c, i) => head.setUint8(at + i, c.charCodeAt(0)));
  write(0, "RIFF");
  head.setUint32(4, 36 + 8000, true);
  write(8, "WAVEfmt ");
  head.setUint32(16, 16, true);
  head.setUint16(20, 1, true);
  head.setUint16(22, 1, true);
  head.setUint32(24, 8000, true);
  head.setUint32(28, 8000, true);
  head.setUint16(32, 1, true);
  head.setUint16(34, 8, true);
  write(36, "data");
  head.setUint32(40, 8000, true);
  const file = new Blob([head, new Uint8Array(8000).fill(128)]);
  await expect(capture.open({ kind: "video", file })).rejects.toMatchObject({
    code: "video-unreadable",
  });
});

test("rejects with screen-denied when no screen is shared", async () => {
  const refusal = new DOMException("no", "NotAllowedError");
  vi.spyOn(navigator.mediaDevices, "getDisplayMedia").mockRejectedValue(
    refusal,
  );
  await expect(capture.open({ kind: "screen" })).rejects.toMatchObject({
    code: "screen-denied",
    advice: expect.stringContaining("choose what to share") as string,
  });
  vi.restoreAllMocks();
});

test("names the permissions policy that forbids sharing a screen", async () => {
  const refusal = new DOMException("no", "NotAllowedError");
  vi.spyOn(navigator.mediaDevices, "getDisplayMedia").mockRejectedValue(
    refusal,
  );
  Object.defineProperty(document, "featurePolicy", {
    configurable: true,
    value: { allowsFeature: (name: string) => name !== "display-capture" },
  });
  await expect(capture.open({ kind: "screen" })).rejects.toMatchObject({
    code: "screen-denied",
    advice: expect.stringContaining('allow="display-capture"') as string,
  });
  Reflect.deleteProperty(document, "featurePolicy");
  vi.restoreAllMocks();
});

test("reads an external stream, leaves it running and reports its end", async () => {
  const stream = await navigator.mediaDevices.getUserMedia({ video: true });
  await capture.open({ kind: "stream", stream });
  (await nextOf(never)).frame.close();
  capture.close();
  expect(camera.track.readyState).toBe("live");

  await capture.open({ kind: "stream", stream });
  (await nextOf(never)).frame.close();
  camera.track.stop();
  await vi.waitFor(() => expect(listener.onEnded).toHaveBeenCalledOnce());
  await expect(capture.open({ kind: "stream", stream })).rejects.toMatchObject({
    code: "bad-option",
  });
});

test("distinguishes a camera that a policy forbids from a denied one", async () => {
  camera.refusal = new DOMException("no", "NotAllowedError");
  const advised = (advice: string) => ({
    code: "camera-denied",
    advice: expect.stringContaining(advice) as string,
  });
  await expect(capture.open(source)).rejects.toMatchObject(
    advised("address bar"),
  );
  const policy = { allowsFeature: () => false };
  Object.defineProperty(document, "featurePolicy", {
    ...{ value: policy, configurable: true },
  });
  await expect(capture.open(source)).rejects.toMatchObject(
    advised('allow="camera"'),
  );
  Reflect.deleteProperty(document, "featurePolicy");
});
