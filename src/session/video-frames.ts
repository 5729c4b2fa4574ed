import { captureElement } from "../capture/element-frame";
import { pause } from "../shared/abort";
import { now } from "../shared/clock";
import { pageVisible } from "../capture/page-visible";
import type { LiveFrame, LiveFrames } from "./live-frame";

/** A picture that does not change is given again after so long, in ms. */
const stillAfter = 1000;

/** What a video of the page shows, which is left as it is. */
export function videoFrames(
  video: HTMLVideoElement,
  signal: AbortSignal,
): LiveFrames {
  /** Numbers of the newest frame and of the last one read, once told. */
  let shown: number | undefined;
  let read: number | undefined;
  let isFirst = true;
  let wake = (): void => undefined;
  const listening = new AbortController();
  video.addEventListener("ended", () => wake(), { signal: listening.signal });
  const onFrame: VideoFrameRequestCallback = (_, { presentedFrames }) => {
    handle = video.requestVideoFrameCallback(onFrame);
    shown = presentedFrames;
    // It is the next after one that was read before frames were counted.
    if (!isFirst) read ??= presentedFrames - 1;
    wake();
  };
  let handle = video.requestVideoFrameCallback(onFrame);

  /** `before`: the number of the last one that somebody looked at. */
  const take = async (before: number | undefined): Promise<LiveFrame> => {
    const frame = await captureElement(video, signal);
    isFirst = false;
    read = shown;
    const passed = (shown ?? 0) - (before ?? shown ?? 0) - 1;
    const newer = async (): Promise<LiveFrame | undefined> =>
      shown === read ? undefined : take(before).catch(() => undefined);
    return { frame, time: now(), dropped: Math.max(0, passed), newer };
  };
  const changed = async (): Promise<void> => {
    if (shown !== read) return;
    const waiting = new AbortController();
    wake = () => waiting.abort();
    await pause(stillAfter, AbortSignal.any([signal, waiting.signal]));
    wake = () => undefined;
  };
  return {
    next: async () => {
      await pageVisible(signal);
      if (!isFirst) {
        if (video.ended) return undefined;
        await changed();
      }
      return take(read);
    },
    close: () => {
      video.cancelVideoFrameCallback(handle);
      listening.abort();
    },
  };
}
