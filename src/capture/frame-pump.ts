import type { FrameSlot } from "./frame-slot";
import { now } from "../shared/clock";

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
 * caller stops the track after aborting. Frames of a hidden page are closed at
 * once.
 */
export function pumpFrames(
  video: HTMLVideoElement,
  track: MediaStreamTrack | undefined,
  slot: FrameSlot,
  signal: AbortSignal,
): void {
  let last = now();
  const put = (frame: VideoFrame, time: number): void => {
    last = now();
    if (signal.aborted || document.hidden) frame.close();
    else slot.put(frame, time);
  };

  if (track && Processor) {
    void pumpTrack(new Processor({ track, maxBufferSize: 1 }), put);
  } else {
    pumpVideo(video, put, signal);
  }

  const timer = setInterval(() => {
    const still = now() - last > stillAfter;
    const showing = video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA;
    const alive = !track || (track.readyState === "live" && !track.muted);
    if (still && showing && alive) put(new VideoFrame(video), now());
  }, stillAfter / 2);
  signal.addEventListener("abort", () => clearInterval(timer), { once: true });
}

type Put = (frame: VideoFrame, time: number) => void;

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

function pumpVideo(
  video: HTMLVideoElement,
  put: Put,
  signal: AbortSignal,
): void {
  const onFrame: VideoFrameRequestCallback = (_, { captureTime }) => {
    if (signal.aborted) return;
    const time = captureTime && performance.timeOrigin + captureTime;
    put(new VideoFrame(video), time ?? now());
    handle = video.requestVideoFrameCallback(onFrame);
  };
  let handle = video.requestVideoFrameCallback(onFrame);
  signal.addEventListener(
    "abort",
    () => video.cancelVideoFrameCallback(handle),
    { once: true },
  );
}
