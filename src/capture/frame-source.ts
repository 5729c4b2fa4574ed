import type { Frame } from "../shared/protocol";

export interface CapturedFrame {
  readonly frame: Frame;
  /** Time of capture, on the clock of `shared/clock.ts`. */
  readonly time: number;
  /** Number of frames dropped since the previous one. */
  readonly dropped: number;
  /** Equal for the same image; absent for a new one. */
  readonly imageId?: string;
}

/**
 * A live source. A request waits until it is ready and takes a frame when its
 * turn has come, so that the frame is as new as it can be.
 */
export interface FrameSource {
  /** Resolves with true once there is a frame to take, with false once the source
   * has ended. Rejects with `aborted`, or when the source cannot be read. A source
   * that does not change by itself waits until its image or the result of
   * `question` differs from those of the last frame. */
  ready(signal: AbortSignal, question?: () => string): Promise<boolean>;
  /** The newest frame, which the caller closes. Undefined if it is gone: another
   * caller took it, or the source was interrupted. A vector image smaller than
   * `side` is enlarged to it. `question` returns what the frame is taken for. */
  take(
    signal: AbortSignal,
    side: number,
    question?: () => string,
  ): CapturedFrame | undefined | Promise<CapturedFrame | undefined>;
}

/** The newest frame, once there is one; undefined once the source has ended. */
export async function nextFrame(
  source: FrameSource,
  signal: AbortSignal,
  side: number,
): Promise<CapturedFrame | undefined> {
  while (await source.ready(signal)) {
    const captured = await source.take(signal, side);
    if (captured) return captured;
  }
  return undefined;
}

let ids = 0;

/** An image id that is unique on this page: users of one worker share its cache
 * of image features. */
export function newImageId(): string {
  ids += 1;
  return `image ${ids}`;
}
