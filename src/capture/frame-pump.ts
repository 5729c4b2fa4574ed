import type { FrameSlot } from "./frame-slot";
import { now } from "../shared/clock";

/** On the window in Chromium only, and so not in TypeScript's DOM library. */
type TrackProcessor = new (options: {
  track: MediaStreamTrack;
  maxBufferSize?: number;
}) => { readonly readable: ReadableStream<VideoFrame> };

const Processor = (globalThis as { MediaStreamTrackProcessor?: TrackProcessor })
  .MediaStreamTrackProcessor;

/** A picture that does not change gives no frames: then it is read again. */
const stillAfter = 1000;

/**
 * Puts every frame of `video` into `slot` until aborted: straight from the
 * track where the browser can, else as the video element shows them. Whoever
 * aborts stops the track, too. Frames of a hidden page are closed at once.
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
 * Until the track ends, not until aborted: cancelling the stream would lose,
 * unclosed, a frame that waits in it.
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
    // The track ended, which its own listeners report.
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
