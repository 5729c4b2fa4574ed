import { copyPixels } from "./bitmap";
import { Capture, createVideo } from "./capture";
import {
  captureElement,
  elementReady,
  isSettled,
  isVideo,
  isVisualElement,
  type VisualElement,
} from "./element-frame";
import { onVideoFrame } from "./frame-pump";
import type { FrameSource } from "./frame-source";
import { SkippedFrames } from "./skipped-frames";
import { pause } from "../shared/abort";
import { now } from "../shared/clock";
import { badOption } from "../shared/errors";
import { describeValue } from "../shared/options";

/** A source whose image changes over time. It is only read: not stopped, closed or
 * changed. */
export type LiveSource = VisualElement | OffscreenCanvas | Stream;

export type Stream = MediaStream | MediaStreamTrack;

/** Interval in ms after which a video is read again although it shows no new
 * frame. */
const rereadAfter = 1000;

/** Opens a live source until `signal` aborts. Throws `bad-option` for anything else. */
export async function openLive(
  source: LiveSource,
  signal: AbortSignal,
): Promise<FrameSource> {
  if (source instanceof MediaStream) return openStream(source, signal);
  if (source instanceof MediaStreamTrack) {
    return openStream(new MediaStream([source]), signal);
  }
  if (isVideo(source)) return openVideo(source, signal);
  if (source instanceof OffscreenCanvas || isVisualElement(source)) {
    return openStill(source);
  }
  throw badOption(
    `Unsupported live source: ${describeValue(source)}.`,
    "Pass a MediaStream, a MediaStreamTrack, a video, img or canvas element, or an OffscreenCanvas; use describe for other images.",
  );
}

async function openStream(
  stream: MediaStream,
  signal: AbortSignal,
): Promise<FrameSource> {
  const capture = new Capture(createVideo());
  signal.addEventListener("abort", () => capture.close(), { once: true });
  await capture.open({ kind: "stream", stream });
  return capture;
}

/** Elements that report no changes: they are read again for each request. */
function openStill(
  source: Exclude<VisualElement, HTMLVideoElement> | OffscreenCanvas,
): FrameSource {
  return {
    ready: async (signal) => {
      await elementReady(source, signal);
      return true;
    },
    take: async (signal, side) => {
      if (!isSettled(source)) return undefined;
      const frame =
        source instanceof OffscreenCanvas
          ? copyPixels(source, "The OffscreenCanvas")
          : await captureElement(source, side, signal);
      return { frame, time: now(), dropped: 0 };
    },
  };
}

function openVideo(video: HTMLVideoElement, signal: AbortSignal): FrameSource {
  const skipped = new SkippedFrames();
  let isFirst = true;
  /** The video shows another frame than the last one taken. */
  let isNew = true;
  let wake = (): void => undefined;
  video.addEventListener("ended", () => wake(), { signal });
  onVideoFrame(
    video,
    () => {
      isNew = true;
      wake();
    },
    signal,
  );

  const changed = async (until: AbortSignal): Promise<void> => {
    if (isNew) return;
    const waiting = new AbortController();
    wake = () => waiting.abort();
    await pause(rereadAfter, AbortSignal.any([until, waiting.signal]));
    wake = () => undefined;
  };
  return {
    ready: async (until) => {
      if (isFirst) {
        await elementReady(video, until);
      } else {
        if (video.ended) return false;
        await changed(until);
      }
      return true;
    },
    take: async (until, side) => {
      if (!isSettled(video)) return undefined;
      const frame = await captureElement(video, side, until);
      isFirst = isNew = false;
      return { frame, time: now(), dropped: skipped.take(video) };
    },
  };
}
