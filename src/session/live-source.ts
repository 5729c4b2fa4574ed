import { Capture } from "../capture/capture";
import {
  captureElement,
  isVisualElement,
  isVideo,
  type VisualElement,
} from "../capture/element-frame";
import { badOption } from "../shared/errors";
import { now } from "../shared/clock";
import { pageVisible } from "../capture/page-visible";
import type { LiveFrame, LiveFrames } from "./live-frame";
import { offscreenBitmap } from "./canvas-image";
import { videoFrames } from "./video-frames";

/** A source of ever new pictures. It is left as it is. */
export type LiveSource = VisualElement | OffscreenCanvas | Stream;

export type Stream = MediaStream | MediaStreamTrack;

/** Of an element nobody tells when it changes: so long, in ms, it has not. */
const staleAfter = 50;

export async function openLive(
  source: LiveSource,
  signal: AbortSignal,
): Promise<LiveFrames> {
  if (source instanceof MediaStream) return openStream(source, signal);
  if (source instanceof MediaStreamTrack) {
    return openStream(new MediaStream([source]), signal);
  }
  if (isVideo(source)) return videoFrames(source, signal);
  if (source instanceof OffscreenCanvas || isVisualElement(source)) {
    return watchElement(source, signal);
  }
  throw badOption(
    "The source cannot be watched.",
    "Pass a MediaStream, a MediaStreamTrack, a video, img or canvas element, or an OffscreenCanvas; use describe for other images.",
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

function watchElement(
  source: Exclude<VisualElement, HTMLVideoElement> | OffscreenCanvas,
  signal: AbortSignal,
): LiveFrames {
  const look = async (): Promise<LiveFrame> => {
    const frame =
      source instanceof OffscreenCanvas
        ? offscreenBitmap(source)
        : await captureElement(source, signal);
    const time = now();
    const isStale = (): boolean => now() - time > staleAfter;
    // One that cannot be read any more is told of with the next frame.
    const again = (): Promise<LiveFrame | undefined> =>
      look().catch(() => undefined);
    const newer = () => (isStale() ? again() : undefined);
    return { frame, time, dropped: 0, newer };
  };
  return {
    next: async () => {
      await pageVisible(signal);
      return look();
    },
    close: () => undefined,
  };
}
