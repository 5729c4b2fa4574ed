import type { GenerateRequest } from "../../runtime/worker-client";

/** What becomes of one frame. */
export type Kind =
  /** As the camera's frames are. */
  | "live"
  /** Under a name, so that the picture is kept. */
  | "named"
  /** Another question about that picture. */
  | "again"
  /** The next turn of that conversation. */
  | "turn"
  /** Two pictures in one question. */
  | "two"
  /** Wider than high. */
  | "wide"
  /** Drawn by chance, with a penalty. */
  | "sampled"
  /** Stopped before its turn, as soon as it is seen, and at its first token. */
  | "stopped at once"
  | "stopped when seen"
  | "stopped at a token"
  /** Of a side that there is not. */
  | "refused";

/** Every twenty frames. */
const round: readonly Kind[] = [
  ...Array.from({ length: 9 }, () => "live" as const),
  ...(["stopped at once", "live", "stopped when seen", "live"] as const),
  ...(["stopped at a token", "wide", "named", "again", "turn"] as const),
  ...(["two", "sampled"] as const),
  "refused",
];

export function kindOf(index: number): Kind {
  return round[index % round.length] ?? "live";
}

/** Aborts requests of the kinds that are to be aborted; calls `onTake` when the
 * frames are taken, and `onFirst` at the first token of the others. */
export function listenerFor(
  kind: Kind,
  onFirst: () => void,
): Pick<GenerateRequest, "signal" | "onImage" | "onToken"> & {
  readonly onTake?: () => void;
} {
  const controller = new AbortController();
  const { signal } = controller;
  const stop = (): void => controller.abort();
  switch (kind) {
    case "stopped at once":
      // Once the frame is on its way to the worker.
      return { signal, onTake: () => queueMicrotask(stop) };
    case "stopped when seen":
      return { signal, onImage: stop };
    case "stopped at a token":
      return { signal, onToken: stop };
    default:
      return { signal, onToken: onceOnly(onFirst) };
  }
}

function onceOnly(work: () => void): () => void {
  let done = false;
  return () => {
    if (!done) work();
    done = true;
  };
}
