import type { LoadProgress as Loading } from "../shared/protocol";

type Listener = ((event: DownloadProgressEvent) => void) | null;

/** How much of a download has come; `loaded` never falls. */
export interface DownloadMonitor extends EventTarget {
  /** Hears of it, too. */
  ondownloadprogress: Listener;
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

/** A `ProgressEvent`, also where such events know whole numbers only. */
export class DownloadProgressEvent extends ProgressEvent {
  readonly #loaded: number;

  constructor(loaded: number) {
    super("downloadprogress", { lengthComputable: true, loaded, total: 1 });
    this.#loaded = loaded;
  }

  /** From 0 to 1. */
  override get loaded(): number {
    return this.#loaded;
  }
}

/** As fine as it is told; finer would tell what is kept already. */
const steps = 65_536;

/** What is told of a load: 0 at first, 1 at last, and ever more between. */
export class DownloadProgress {
  readonly #target = new EventTarget() as DownloadMonitor;
  #last = -1;

  /** What `tell` throws, it throws. */
  constructor(tell?: (monitor: DownloadMonitor) => void) {
    this.#target.ondownloadprogress = null;
    this.#target.addEventListener("downloadprogress", (event) =>
      this.#target.ondownloadprogress?.(event),
    );
    tell?.(this.#target);
  }

  begin(): void {
    this.#tell(0);
  }

  hear({ loaded, total }: Loading): void {
    // All of it is not the end: the model has to start yet.
    if (total > 0) this.#tell(Math.min(loaded / total, 1 - 1 / steps));
  }

  end(): void {
    this.#tell(1);
  }

  #tell(part: number): void {
    const loaded = Math.floor(part * steps) / steps;
    if (loaded <= this.#last) return;
    this.#last = loaded;
    this.#target.dispatchEvent(new DownloadProgressEvent(loaded));
  }
}
