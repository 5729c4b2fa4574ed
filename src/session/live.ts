import { Capture } from "../look/capture";
import type { CapturedFrame } from "../look/frame-slot";
import { frameOf, isLookedAt, type LookedAt } from "../look/looked-at";
import { badOption } from "../options";
import { pause } from "../pause";
import { now } from "../shared/clock";
import { visible } from "../visible";
import { offscreenBitmap } from "./offscreen";

/** A source of ever new pictures. It is left as it is. */
export type LiveSource = LookedAt | OffscreenCanvas | Stream;

export type Stream = MediaStream | MediaStreamTrack;

/** The newest frame, again and again. */
export interface LiveFrames {
  /** Undefined when there will be none any more. The caller closes it. */
  next(): Promise<CapturedFrame | undefined>;
  close(): void;
}

/** A picture that does not change is given again after so long, in ms. */
const stillAfter = 1000;

export async function openLive(
  source: LiveSource,
  signal: AbortSignal,
): Promise<LiveFrames> {
  if (source instanceof MediaStream) return openStream(source, signal);
  if (source instanceof MediaStreamTrack) {
    return openStream(new MediaStream([source]), signal);
  }
  if (source instanceof HTMLVideoElement) return watchVideo(source, signal);
  if (source instanceof OffscreenCanvas || isLookedAt(source)) {
    return watchElement(source, signal);
  }
  throw badOption(
    "This is nothing to watch.",
    "Give a MediaStream, a MediaStreamTrack, a video, img or canvas element, or an OffscreenCanvas; ask about other pictures with describe.",
  );
}

async function openStream(
  stream: MediaStream,
  signal: AbortSignal,
): Promise<LiveFrames> {
  const over = new AbortController();
  const either = AbortSignal.any([signal, over.signal]);
  const video = document.createElement("video");
  video.muted = true;
  video.playsInline = true;
  const capture = new Capture(video, {
    onLive: () => undefined,
    onInterrupted: () => undefined,
    onEnded: () => over.abort(),
  });
  const close = (): void => capture.close();
  signal.addEventListener("abort", close, { once: true });
  await capture.open({ kind: "stream", stream });
  return {
    next: async () => {
      try {
        return await capture.next(either);
      } catch (thrown) {
        if (over.signal.aborted && !signal.aborted) return undefined;
        throw thrown;
      }
    },
    close,
  };
}

function watchVideo(video: HTMLVideoElement, signal: AbortSignal): LiveFrames {
  let shown: number | undefined;
  return {
    next: async () => {
      await visible(signal);
      const before = shown;
      if (before !== undefined && video.ended) return undefined;
      const presented = await presentedFrames(video, before, signal);
      const frame = await frameOf(video, signal);
      shown = presented;
      const dropped = Math.max(0, presented - (before ?? presented) - 1);
      return { frame, time: now(), dropped };
    },
    close: () => undefined,
  };
}

/** How many frames it has shown, once that is more than before. */
function presentedFrames(
  video: HTMLVideoElement,
  before: number | undefined,
  signal: AbortSignal,
): Promise<number> {
  const waiting = new AbortController();
  const either = AbortSignal.any([signal, waiting.signal]);
  return new Promise((resolve) => {
    const done = (count: number): void => {
      video.cancelVideoFrameCallback(handle);
      waiting.abort();
      resolve(count);
    };
    const handle = video.requestVideoFrameCallback((_, { presentedFrames }) =>
      done(presentedFrames),
    );
    const options = { signal: waiting.signal };
    video.addEventListener("ended", () => done(before ?? 0), options);
    // At first what it shows is new, whether it plays or not.
    const wait = before === undefined ? 0 : stillAfter;
    void pause(wait, either).then(() => done(before ?? 0));
  });
}

function watchElement(
  source: Exclude<LookedAt, HTMLVideoElement> | OffscreenCanvas,
  signal: AbortSignal,
): LiveFrames {
  return {
    next: async () => {
      await visible(signal);
      const frame =
        source instanceof OffscreenCanvas
          ? offscreenBitmap(source)
          : await frameOf(source, signal);
      return { frame, time: now(), dropped: 0 };
    },
    close: () => undefined,
  };
}
