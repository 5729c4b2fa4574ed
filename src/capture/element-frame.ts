import { copyOnBlack, imageError, unreadableImage } from "./bitmap";
import { animationFrame } from "./page-visibility";
import { aborted } from "../shared/abort";
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

/** Waits until the element has an image to capture. */
export async function elementReady(
  element: VisualElement,
  signal: AbortSignal,
): Promise<void> {
  if (isVideo(element)) (await videoFrame(element, signal)).close();
  else if (isImage(element)) await decoded(element, signal);
}

/** Whether the element has an image now, or has failed to load one. */
export function isSettled(element: VisualElement): boolean {
  if (isImage(element)) return element.complete;
  if (isCanvas(element)) return true;
  const { error, readyState } = element;
  return error !== null || readyState >= HTMLMediaElement.HAVE_CURRENT_DATA;
}

/**
 * Copies the current image of an element; waits until it has one. Rejects with
 * `bad-image` if the page may not read it.
 */
export async function captureElement(
  element: VisualElement,
  signal?: AbortSignal,
): Promise<Frame> {
  if (isVideo(element)) {
    return videoFrame(element, signal);
  }
  if (isImage(element)) {
    await decoded(element, signal);
    // An SVG without a size has the size of its element.
    const size = {
      width: element.naturalWidth || element.width,
      height: element.naturalHeight || element.height,
    };
    return copyOnBlack(element, nameOf(element), size);
  }
  // A WebGL canvas is empty after it was painted: it is read in an animation frame,
  // after the code that draws it and before it is painted.
  await animationFrame();
  if (signal?.aborted) throw aborted();
  return copyOnBlack(element, nameOf(element));
}

async function videoFrame(
  video: HTMLVideoElement,
  signal: AbortSignal | undefined,
): Promise<Frame> {
  await playable(video, signal);
  for (;;) {
    try {
      return new VideoFrame(video);
    } catch (thrown) {
      // A stream has data before it plays, but shows no frame yet.
      const waits = video.srcObject && video.paused;
      if (!waits) throw unreadableImage(nameOf(video), thrown);
    }
    await played(video, signal);
  }
}

/** Waits until the video plays and shows a frame. */
function played(
  video: HTMLVideoElement,
  signal: AbortSignal | undefined,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const listening = new AbortController();
    const options = { signal: listening.signal };
    const end = (): void => {
      listening.abort();
      if (signal?.aborted) reject(aborted());
      else resolve();
    };
    const shown = (): void => void video.requestVideoFrameCallback(end);
    video.addEventListener("playing", shown, options);
    signal?.addEventListener("abort", end, options);
    if (signal?.aborted) end();
  });
}

/** Waits until the video has a frame. */
function playable(
  video: HTMLVideoElement,
  signal: AbortSignal | undefined,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const listening = new AbortController();
    const check = (): void => {
      if (signal?.aborted) reject(aborted());
      else if (video.error) reject(unplayable(video));
      else if (video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA) {
        resolve();
      } else return;
      listening.abort();
    };
    const options = { signal: listening.signal };
    for (const type of ["loadeddata", "canplay", "playing", "error"]) {
      // Capture: the error of a source element inside does not bubble.
      video.addEventListener(type, check, { ...options, capture: true });
    }
    signal?.addEventListener("abort", check, options);
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

/** Waits until the image is decoded; a lazy one is loaded when it is visible. */
function decoded(
  image: HTMLImageElement,
  signal: AbortSignal | undefined,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const leave = (): void => reject(aborted());
    if (signal?.aborted) leave();
    signal?.addEventListener("abort", leave);
    image
      .decode()
      .catch((thrown: unknown) => {
        // The image was replaced while it was decoded.
        if (image.complete && image.naturalWidth > 0) return;
        throw imageError(
          `${nameOf(image)} could not be loaded or decoded.`,
          thrown,
        );
      })
      .then(resolve, reject)
      .finally(() => signal?.removeEventListener("abort", leave));
  });
}

function nameOf({ localName, id }: VisualElement): string {
  return id ? `<${localName} id="${id}">` : `The <${localName}>`;
}
