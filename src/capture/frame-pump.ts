import { currentFrame, isSettled } from "./element-frame";
import type { FrameSlot } from "./frame-slot";
import { now } from "../shared/clock";
import type { Frame } from "../shared/protocol";

/** Available on the main thread in Chromium only, so TypeScript's DOM library
 * lacks it. */
type TrackProcessor = new (options: {
  track: MediaStreamTrack;
  maxBufferSize?: number;
}) => { readonly readable: ReadableStream<VideoFrame> };

const Processor = (globalThis as { MediaStreamTrackProcessor?: TrackProcessor })
  .MediaStreamTrackProcessor;

/** A still image produces no frames, so it is read again after this time in
 * ms. */
const stillAfter = 1000;

/**
 * Puts every frame of `video` into `slot` until aborted: directly from the track
 * if the browser supports it, otherwise as the video element shows them. The
 * caller stops the track after aborting.
 */
export function pumpFrames(
  video: HTMLVideoElement,
  track: MediaStreamTrack | undefined,
  slot: FrameSlot,
  signal: AbortSignal,
): void {
  let last = now();
  const put = (frame: Frame, time: number): void => {
    last = now();
    if (signal.aborted) frame.close();
    else slot.put(frame, time);
  };

  const putCurrent = (time: number): void => {
    if (!isSettled(video)) return;
    try {
      put(currentFrame(video), time);
    } catch {
      // The video shows no frame: one is read later.
    }
  };

  if (track && Processor) {
    void pumpTrack(new Processor({ track, maxBufferSize: 1 }), put);
  } else {
    onVideoFrame(video, (time) => putCurrent(time), signal);
  }

  const timer = setInterval(() => {
    const still = now() - last > stillAfter;
    const alive = !track || (track.readyState === "live" && !track.muted);
    if (still && alive) putCurrent(now());
  }, stillAfter / 2);
  signal.addEventListener("abort", () => clearInterval(timer), { once: true });
  const onVisibility = (): void => {
    // The newest frame may be old: phones stop the camera of a hidden page.
    if (!document.hidden) slot.clear();
  };
  document.addEventListener("visibilitychange", onVisibility, { signal });
}

type Put = (frame: Frame, time: number) => void;

/**
 * Reads until the track ends, not until aborted: cancelling the stream would drop
 * a queued frame without closing it.
 */
async function pumpTrack(
  processor: InstanceType<TrackProcessor>,
  put: Put,
): Promise<void> {
  const reader = processor.readable.getReader();
  try {
    for (;;) {
      const { value } = await reader.read();
      if (!value) return;
      put(value, now());
    }
  } catch {
    // The track ended; its own listeners report that.
  }
}

/**
 * Calls `onFrame` with the time of capture for every frame that a video shows, until
 * aborted. Never calls it in a browser without `requestVideoFrameCallback`, or in an
 * iframe that is not painted.
 */
export function onVideoFrame(
  video: HTMLVideoElement,
  onFrame: (time: number) => void,
  signal: AbortSignal,
): void {
  if (!("requestVideoFrameCallback" in video)) return;
  const next: VideoFrameRequestCallback = (_, { captureTime }) => {
    if (signal.aborted) return;
    handle = video.requestVideoFrameCallback(next);
    onFrame(captureTime ? performance.timeOrigin + captureTime : now());
  };
  let handle = video.requestVideoFrameCallback(next);
  signal.addEventListener(
    "abort",
    () => video.cancelVideoFrameCallback(handle),
    { once: true },
  );
}
