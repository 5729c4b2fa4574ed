/** Counts the frames that a video showed between those that were taken. */
export class SkippedFrames {
  /** Frames shown when the last one was taken. */
  #shown: number | undefined;

  /** The frames since the last call, without the one that is taken now. */
  take(video: HTMLVideoElement): number {
    const { totalVideoFrames: shown } = video.getVideoPlaybackQuality();
    const skipped = shown - (this.#shown ?? shown) - 1;
    this.#shown = shown;
    return Math.max(0, skipped);
  }
}
