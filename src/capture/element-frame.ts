import { copyPixels, drawScaled, unreadableImage } from "./bitmap";
import { copyImage, whenLoaded } from "./html-image";
import { animationFrame } from "./page-visibility";
import { aborted, pause } from "../shared/abort";
import { VlmError } from "../shared/errors";
import type { Frame } from "../shared/protocol";

/** Elements that show an image or video. */
export type VisualElement =
  HTMLVideoElement | HTMLImageElement | HTMLCanvasElement;

export function isVisualElement(element: unknown): element is VisualElement {
  return isVideo(element) || isImage(element) || isCanvas(element);
}

export function isVideo(element: unknown): element is HTMLVideoElement {
  return isA("HTMLVideoElement", element);
}

export function isImage(element: unknown): element is HTMLImageElement {
  return isA("HTMLImageElement", element);
}

export function isCanvas(element: unknown): element is HTMLCanvasElement {
  return isA("HTMLCanvasElement", element);
}

/** Works across documents: the elements of a frame have their own classes. */
function isA(name: string, element: unknown): boolean {
  return Object.prototype.toString.call(element) === `[object ${name}]`;
}

/** Interval in ms at which a source that reports no changes is read again. */
const checkEvery = 100;

/** Waits until the source has an image to capture, or has failed to load one. */
export async function elementReady(
  source: VisualElement | OffscreenCanvas,
  signal: AbortSignal,
): Promise<void> {
  if (isVideo(source)) {
    (await videoFrame(source, signal)).close();
    return;
  }
  while (!isSettled(source)) {
    await pause(checkEvery, signal);
    if (signal.aborted) throw aborted();
  }
}

/** Whether the source has an image now, or has failed to load one. */
export function isSettled(source: VisualElement | OffscreenCanvas): boolean {
  if (isImage(source)) return source.complete && source.currentSrc !== "";
  if (isVideo(source)) return source.error !== null || hasFrame(source);
  return source.width > 0 && source.height > 0;
}

/** A stream has no size until its first frame. */
function hasFrame(video: HTMLVideoElement): boolean {
  const { readyState, srcObject, videoWidth } = video;
  const hasData = readyState >= HTMLMediaElement.HAVE_CURRENT_DATA;
  return hasData && (!srcObject || videoWidth > 0);
}

/**
 * Copies the current image of an element; waits until it has one. Rejects with
 * `bad-image` if the page may not read it. A vector image smaller than `side` is
 * enlarged to it.
 */
export async function captureElement(
  element: VisualElement,
  side: number,
  signal?: AbortSignal,
): Promise<Frame> {
  if (isVideo(element)) return videoFrame(element, signal);
  if (isImage(element)) {
    // A lazy image is loaded when it is visible.
    await whenLoaded(element, signal);
    return copyImage(element, nameOf(element), side);
  }
  // A WebGL canvas is empty after it was painted: it is read in an animation frame,
  // after the code that draws it and before it is painted.
  await animationFrame();
  if (signal?.aborted) throw aborted();
  return copyPixels(element, nameOf(element));
}

/** The frame that a video shows. Throws if there is none, or it is of another
 * origin. */
export function currentFrame(video: HTMLVideoElement): Frame {
  if (typeof VideoFrame === "function") return new VideoFrame(video);
  const { videoWidth: width, videoHeight: height } = video;
  return drawScaled(video, { width, height });
}

async function videoFrame(
  video: HTMLVideoElement,
  signal = new AbortController().signal,
): Promise<Frame> {
  await playable(video, signal);
  for (;;) {
    try {
      return currentFrame(video);
    } catch (thrown) {
      const isForeign = (thrown as DOMException).name === "SecurityError";
      // A stream has data before it shows a frame.
      if (isForeign || !video.srcObject) {
        throw unreadableImage(nameOf(video), thrown);
      }
    }
    await pause(checkEvery, signal);
    if (signal.aborted) throw aborted();
  }
}

/** Waits until the video has a frame. */
function playable(video: HTMLVideoElement, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const listening = new AbortController();
    const check = (): void => {
      if (signal.aborted) reject(aborted());
      else if (video.error) reject(unplayable(video));
      else if (hasFrame(video)) resolve();
      else return;
      listening.abort();
    };
    const options = { signal: listening.signal };
    const types = ["loadeddata", "canplay", "playing", "resize", "error"];
    for (const type of types) {
      // Capture: the error of a source element inside does not bubble.
      video.addEventListener(type, check, { ...options, capture: true });
    }
    signal.addEventListener("abort", check, options);
    check();
  });
}

function unplayable(video: HTMLVideoElement): VlmError {
  return new VlmError(
    "video-unreadable",
    `${nameOf(video)} could not be played.`,
    "Use an MP4 or WebM file that this browser can play.",
    { cause: video.error },
  );
}

function nameOf({ localName, id }: VisualElement): string {
  return id ? `<${localName} id="${id}">` : `The <${localName}>`;
}
