import type { CapturedFrame } from "../capture/frame-slot";

export interface LiveFrame extends Omit<CapturedFrame, "newer"> {
  /** Another one that shows more than this does by now, to take its place. */
  readonly newer?: () => LiveFrame | undefined | Promise<LiveFrame | undefined>;
}

/** The newest frame, again and again. */
export interface LiveFrames {
  /** Undefined when there will be none any more. The caller closes it. */
  next(): Promise<LiveFrame | undefined>;
  close(): void;
}
