import type { IdentifiedFrame } from "../capture/frame-slot";

export interface LiveFrame extends Omit<IdentifiedFrame, "newer"> {
  /** A frame that was captured since, to be used instead of this one. */
  readonly newer?: () => LiveFrame | undefined | Promise<LiveFrame | undefined>;
}

/** The newest frames of a live source. */
export interface LiveFrames {
  /** Undefined once the source has ended. The caller closes the frame. */
  next(): Promise<LiveFrame | undefined>;
  close(): void;
}

/** @internal A source that a request takes its newest frame of. */
export interface FrameSource {
  /** The caller closes the frame. */
  take(signal: AbortSignal): Promise<LiveFrame>;
}
