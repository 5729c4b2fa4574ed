/**
 * What it takes to look at something and to ask about it: no part of the
 * element, which is small without it. It comes with the first model or source.
 */
import { Capture, type CaptureListener } from "../capture/capture";
import type { IdentifiedFrame } from "../capture/frame-slot";
import { ElementSource } from "../capture/element-source";
import type { OpenSource } from "./source";

export { decodeImage } from "../capture/decode-image";
export { toBitmap } from "../capture/to-bitmap";
export { keepAwake } from "../capture/wake-lock";
export { ask, askAbout, captionAll } from "./captioner";
export { adoptStyles } from "./adopt-styles";
export { icons } from "./icons";
export { inspectOptions } from "./options";
export { progressBar } from "./progress";

/** A source that is looked at. */
export interface View {
  open(): Promise<void>;
  /**
   * The newest frame. One that does not change by itself is not given again
   * for the same `question`.
   */
  next(signal: AbortSignal, question?: () => string): Promise<IdentifiedFrame>;
  /** What was captured before now is neither read nor counted. */
  skip(): void;
  /** It does not change by itself. */
  readonly isStill?: boolean;
  close(): void;
}

/** Shows it in `video`, unless the page does already. */
export function viewOf(
  source: OpenSource,
  host: Element,
  video: HTMLVideoElement,
  listener: CaptureListener,
): View {
  if (source.kind === "element")
    return new ElementSource(host, source.id, listener);
  const capture = new Capture(video, listener);
  return {
    open: () => capture.open(source),
    next: (signal) => capture.next(signal),
    skip: () => capture.skip(),
    close: () => capture.close(),
  };
}
