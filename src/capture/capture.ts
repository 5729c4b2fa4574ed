import {
  cameraMayHaveReturned,
  openCamera,
  openScreen,
  cameraSilent,
  cameraUnplugged,
  type CameraChoice,
} from "./camera";
import { FrameSlot } from "./frame-slot";
import type { CapturedFrame, FrameSource } from "./frame-source";
import { pumpFrames } from "./frame-pump";
import { aborted } from "../shared/abort";
import { badOption, VlmError } from "../shared/errors";

export type CaptureSource =
  | ({ readonly kind: "camera" } & CameraChoice)
  | { readonly kind: "screen" }
  /** The owner of the stream stops its tracks. */
  | { readonly kind: "stream"; readonly stream: MediaStream }
  | { readonly kind: "video"; readonly file: Blob };

export interface CaptureListener {
  /** Frames arrive, for the first time or again. */
  onLive(): void;
  /** No more frames arrive; the capture resumes when they do. */
  onInterrupted(reason: VlmError): void;
  /** The stream ended, or the user ended the screen sharing. */
  onEnded(): void;
}

/** A video element for `Capture`. */
export function createVideo(): HTMLVideoElement {
  const video = document.createElement("video");
  video.muted = true;
  video.playsInline = true;
  return video;
}

/** Interval in ms at which an external stream is checked for its end. */
const checkEvery = 250;

/** Shows a live source in a video element and keeps its newest frame. */
export class Capture implements FrameSource {
  readonly #video: HTMLVideoElement;
  readonly #listener: Partial<CaptureListener>;
  #slot = new FrameSlot();
  /** Aborted by `close`. */
  #session = new AbortController();
  /** Aborted when the current stream ends, e.g. when a camera is unplugged. */
  #stream = new AbortController();

  constructor(
    video: HTMLVideoElement,
    listener: Partial<CaptureListener> = {},
  ) {
    this.#video = video;
    this.#listener = listener;
  }

  /**
   * Rejects when the source cannot be opened. A camera is then retried until
   * `close`.
   */
  async open(source: CaptureSource): Promise<void> {
    this.close();
    const session = new AbortController();
    this.#session = session;
    this.#slot = new FrameSlot();
    try {
      await this.#attach(source, session.signal);
    } catch (thrown) {
      // Closed meanwhile: another source may be open, and stays open.
      if (session.signal.aborted) throw aborted();
      this.#detach();
      const error = VlmError.from(thrown);
      if (source.kind === "camera") {
        void this.#recover(source, error, session.signal);
      }
      throw error;
    }
  }

  ready(signal: AbortSignal): Promise<boolean> {
    return this.#slot.ready(signal);
  }

  take(): CapturedFrame | undefined {
    return this.#slot.take();
  }

  /** Drops the frames captured so far, without counting them as dropped. */
  skip(): void {
    this.#slot.clear();
  }

  close(): void {
    this.#session.abort();
    this.#detach();
  }

  async #attach(source: CaptureSource, session: AbortSignal): Promise<void> {
    const stream = new AbortController();
    this.#stream = stream;
    const { signal } = stream;
    if (source.kind === "video") {
      await playFile(this.#video, source.file, signal);
      pumpFrames(this.#video, undefined, this.#slot, signal);
      this.#listener.onLive?.();
      return;
    }
    if (source.kind === "stream") {
      await this.#borrow(source.stream, signal);
      return;
    }

    const media =
      source.kind === "camera" ? await openCamera(source) : await openScreen();
    const end = (): void => media.getTracks().forEach((track) => track.stop());
    signal.addEventListener("abort", end, { once: true });
    if (signal.aborted) {
      end();
      throw aborted();
    }
    this.#video.srcObject = media;
    await play(this.#video, signal);
    const [track] = media.getVideoTracks();
    if (track) this.#watch(track, source, session, signal);
    pumpFrames(this.#video, track, this.#slot, signal);
    this.#listener.onLive?.();
  }

  /** Reads the track through the video, because a track processor ends only with
   * the track. */
  async #borrow(stream: MediaStream, signal: AbortSignal): Promise<void> {
    const isLive = (): boolean =>
      stream.getVideoTracks().some(({ readyState }) => readyState === "live");
    if (!isLive()) throw noVideoTrack();
    this.#video.srcObject = stream;
    // There is no event for a track that a script stopped.
    const timer = setInterval(() => {
      if (!isLive()) this.#end();
    }, checkEvery);
    signal.addEventListener("abort", () => clearInterval(timer));
    await play(this.#video, signal);
    pumpFrames(this.#video, undefined, this.#slot, signal);
    this.#listener.onLive?.();
  }

  #watch(
    track: MediaStreamTrack,
    source: CaptureSource,
    session: AbortSignal,
    signal: AbortSignal,
  ): void {
    const onEnded = (): void => {
      if (source.kind === "camera") {
        const reason = cameraUnplugged();
        this.#listener.onInterrupted?.(reason);
        void this.#recover(source, reason, session);
      } else {
        this.#end();
      }
    };
    track.addEventListener("ended", onEnded, { signal });
    if (source.kind !== "camera") return;
    const onMute = (): void => this.#listener.onInterrupted?.(cameraSilent());
    const onUnmute = (): void => this.#listener.onLive?.();
    track.addEventListener("mute", onMute, { signal });
    track.addEventListener("unmute", onUnmute, { signal });
  }

  async #recover(
    source: CaptureSource,
    reason: VlmError,
    session: AbortSignal,
  ): Promise<void> {
    this.#detach();
    let error = reason;
    while (!session.aborted) {
      await cameraMayHaveReturned(error, session);
      if (session.aborted) return;
      try {
        await this.#attach(source, session);
        return;
      } catch (thrown) {
        this.#detach();
        const next = VlmError.from(thrown);
        if (next.code !== error.code && !session.aborted) {
          this.#listener.onInterrupted?.(next);
        }
        error = next;
      }
    }
  }

  #end(): void {
    this.close();
    this.#slot.end();
    this.#listener.onEnded?.();
  }

  #detach(): void {
    this.#stream.abort();
    this.#video.srcObject = null;
    this.#slot.clear();
  }
}

function noVideoTrack(): VlmError {
  return badOption(
    "The stream has no live video track.",
    "Pass a stream whose video track has not ended, such as that of a camera, a screen or a canvas.",
  );
}

async function playFile(
  video: HTMLVideoElement,
  file: Blob,
  signal: AbortSignal,
): Promise<void> {
  const url = URL.createObjectURL(file);
  signal.addEventListener(
    "abort",
    () => {
      video.removeAttribute("src");
      video.load();
      URL.revokeObjectURL(url);
    },
    { once: true },
  );
  video.src = url;
  try {
    await play(video, signal);
    if (video.videoWidth === 0) throw new Error("The file has no video track.");
  } catch (thrown) {
    if (signal.aborted) throw thrown;
    throw new VlmError(
      "video-unreadable",
      "The video file could not be played.",
      "Choose an MP4 or WebM file that this browser can play.",
      { cause: thrown },
    );
  }
}

async function play(
  video: HTMLVideoElement,
  signal: AbortSignal,
): Promise<void> {
  try {
    await video.play();
  } catch (thrown) {
    throw signal.aborted ? aborted() : thrown;
  }
}
