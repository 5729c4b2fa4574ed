import type { GenerateRequest } from "../../runtime/worker-client";

/** How a frame is used. */
export type FrameKind =
  /** Like a camera frame. */
  | "live"
  /** With an image id, so that its features are cached. */
  | "named"
  /** Another question about that image. */
  | "again"
  /** A follow-up question in that conversation. */
  | "turn"
  /** Two images in one question. */
  | "two"
  /** Not square. */
  | "wide"
  /** With sampling and a repetition penalty. */
  | "sampled"
  /** Aborted before its turn, after encoding, and at the first token. */
  | "aborted at once"
  | "aborted after encoding"
  | "aborted at a token"
  /** With an invalid size. */
  | "rejected";

/** Repeated every twenty frames. */
const cycle: readonly FrameKind[] = [
  ...Array.from({ length: 9 }, () => "live" as const),
  ...(["aborted at once", "live", "aborted after encoding", "live"] as const),
  ...(["aborted at a token", "wide", "named", "again", "turn"] as const),
  ...(["two", "sampled"] as const),
  "rejected",
];

export function kindOf(index: number): FrameKind {
  return cycle[index % cycle.length] as FrameKind;
}

/** Aborts requests of the kinds that are to be aborted; calls `onTake` when the
 * frames are taken, and `onFirst` at the first token of the others. */
export function listenerFor(
  kind: FrameKind,
  onFirst: () => void,
): Pick<GenerateRequest, "signal" | "onImage" | "onToken"> & {
  readonly onTake?: () => void;
} {
  const controller = new AbortController();
  const { signal } = controller;
  const stop = (): void => controller.abort();
  switch (kind) {
    case "aborted at once":
      // Once the frame is on its way to the worker.
      return { signal, onTake: () => queueMicrotask(stop) };
    case "aborted after encoding":
      return { signal, onImage: stop };
    case "aborted at a token":
      return { signal, onToken: stop };
    default:
      return { signal, onToken: once(onFirst) };
  }
}

function once(work: () => void): () => void {
  let done = false;
  return () => {
    if (!done) work();
    done = true;
  };
}
