import type { LoadProgress } from "../shared/protocol";

type Listener = ((event: DownloadProgressEvent) => void) | null;

/** Reports a load: `downloadprogress` events have a `loaded` that only grows, from 0
 * to 1; `modelprogress` events also say which phase the load is in. */
export interface DownloadMonitor extends EventTarget {
  ondownloadprogress: Listener;
  addEventListener(
    type: "modelprogress",
    listener: ((event: CustomEvent<LoadProgress>) => void) | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    type: "downloadprogress",
    listener: Listener,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
}

/** Its `loaded` is a fraction from 0 to 1. */
export type DownloadProgressEvent = ProgressEvent;

/** Resolution of `loaded`: a finer one would reveal which files are stored. */
const steps = 65_536;

/** Dispatches the events of one load: 0 first, 1 last. */
export class DownloadProgress {
  readonly #target = new EventTarget() as DownloadMonitor;
  #last = -1;

  /** Throws what `monitor` throws. */
  constructor(monitor?: (target: DownloadMonitor) => void) {
    this.#target.ondownloadprogress = null;
    this.#target.addEventListener("downloadprogress", (event) =>
      this.#target.ondownloadprogress?.(event),
    );
    monitor?.(this.#target);
  }

  begin(): void {
    this.#dispatch(0);
  }

  update(progress: LoadProgress): void {
    const { loaded, total } = progress;
    this.#target.dispatchEvent(
      new CustomEvent("modelprogress", { detail: progress }),
    );
    // 1 is left for the end of the load: the model has yet to start.
    if (total > 0) this.#dispatch(Math.min(loaded / total, 1 - 1 / steps));
  }

  end(): void {
    this.#dispatch(1);
  }

  #dispatch(fraction: number): void {
    const loaded = Math.floor(fraction * steps) / steps;
    if (loaded <= this.#last) return;
    this.#last = loaded;
    const type = "downloadprogress";
    const init = { lengthComputable: true, loaded, total: 1 };
    const event = new ProgressEvent(type, init);
    // Some browsers round it to an integer.
    Object.defineProperty(event, "loaded", { value: loaded });
    this.#target.dispatchEvent(event);
  }
}
