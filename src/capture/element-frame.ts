import { drawOnBlack, imageError, noPixels } from "./bitmap";
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
    const { naturalWidth, naturalHeight, width, height } = element;
    const size = [naturalWidth || width, naturalHeight || height] as const;
    return readable(element, () => drawn(element, ...size));
  }
  await beforePaint();
  if (signal?.aborted) throw aborted();
  const { width, height } = element;
  return readable(element, () => drawn(element, width, height));
}

async function videoFrame(
  video: HTMLVideoElement,
  signal: AbortSignal | undefined,
): Promise<Frame> {
  await playable(video, signal);
  const read = (): Frame => new VideoFrame(video);
  for (;;) {
    try {
      return read();
    } catch {
      // A stream has data before it plays, but shows no frame yet.
      if (!video.srcObject || !video.paused) return readable(video, read);
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

function drawn(
  element: HTMLImageElement | HTMLCanvasElement,
  width: number,
  height: number,
): ImageBitmap {
  if (!(width > 0 && height > 0)) {
    throw noPixels(nameOf(element));
  }
  return drawOnBlack(width, height, (context) => {
    context.drawImage(element, 0, 0, width, height);
    // Throws for content of another origin; a bitmap would throw only later.
    context.getImageData(0, 0, 1, 1);
  });
}

function readable(element: VisualElement, read: () => Frame): Frame {
  try {
    return read();
  } catch (thrown) {
    if (!(thrown instanceof DOMException)) throw thrown;
    if (thrown.name !== "SecurityError") {
      throw imageError(`${nameOf(element)} could not be read.`, thrown);
    }
    throw new VlmError(
      "bad-image",
      `${nameOf(element)} contains content from another origin, which this page may not read.`,
      isCanvas(element)
        ? "Draw only images that were loaded with the crossorigin attribute."
        : 'Set its attribute crossorigin="anonymous"; its server has to allow this page with Access-Control-Allow-Origin.',
      { cause: thrown },
    );
  }
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

/**
 * A WebGL canvas is empty after its frame was painted. It is read in an animation
 * frame, after the code that draws it and before it is painted.
 */
function beforePaint(): Promise<void> {
  return new Promise((resolve) => {
    const hidden = (): void => {
      if (document.hidden) done();
    };
    const done = (): void => {
      document.removeEventListener("visibilitychange", hidden);
      resolve();
    };
    document.addEventListener("visibilitychange", hidden);
    requestAnimationFrame(done);
    hidden();
  });
}

function nameOf({ localName, id }: VisualElement): string {
  return id ? `<${localName} id="${id}">` : `The <${localName}>`;
}
