/** Matches the `progress` event of the protocol. */
export interface Progress {
  /** Bytes of the requested files that are on the disk. */
  readonly loaded: number;
  /** Bytes of all requested files; 0 while unknown. */
  readonly total: number;
  /** Bytes per second from the network, over the last seconds. */
  readonly rate: number;
  /** Seconds left at that rate; absent if unknown. */
  readonly left?: number;
  /** Another tab downloads the model, and this one waits for it. */
  readonly elsewhere: boolean;
}

/** Bytes on the disk, by path. */
export type BytesByPath = Readonly<Record<string, number>>;

/** ms between two reports. */
const REPORT_INTERVAL = 100;
/** ms for which the rate that another tab reported is valid. */
const REMOTE_RATE_TTL = 3000;

/** Counts the bytes of the requested files and reports them at intervals. */
export class ProgressTracker {
  /** Size of each file; undefined if unknown. */
  readonly #sizes = new Map<string, number | undefined>();
  readonly #stored = new Map<string, number>();
  readonly #report: (progress: Progress, bytes: BytesByPath) => void;
  readonly #rate = new TransferRate();
  #reportedAt = -Infinity;
  #waiting = false;
  #remote = { rate: 0, time: -Infinity };
  /** The highest value reported: it does not fall when a file is discarded. */
  #loaded = 0;

  constructor(report: (progress: Progress, bytes: BytesByPath) => void) {
    this.#report = report;
  }

  addFile(path: string, bytes: number | undefined): void {
    this.#sizes.set(path, bytes);
  }

  /** Bytes arrived from the network. */
  received(bytes: number): void {
    this.#rate.add(bytes, performance.now());
  }

  /** This many bytes of the file are on the disk. */
  stored(path: string, bytes: number): void {
    this.#stored.set(path, bytes);
    this.#reportIfDue();
  }

  /** Whether this tab waits for another one to download the model. */
  setWaiting(waiting: boolean): void {
    this.#waiting = waiting;
    this.flush();
  }

  /** Progress of the tab that this one waits for. */
  remoteProgress(bytes: BytesByPath, rate: number): void {
    for (const [path, count] of Object.entries(bytes)) {
      if (this.#sizes.has(path)) this.#stored.set(path, count);
    }
    this.#remote = { rate, time: performance.now() };
    this.#waiting = true;
    this.#reportIfDue();
  }

  /** Reports at once. */
  flush(): void {
    this.#reportedAt = -Infinity;
    this.#reportIfDue();
  }

  #reportIfDue(): void {
    const now = performance.now();
    if (now - this.#reportedAt < REPORT_INTERVAL) return;
    this.#reportedAt = now;
    this.#loaded = Math.max(this.#loaded, sum(this.#stored.values()));
    const sizes = [...this.#sizes.values()];
    const known = sizes.filter((size) => size !== undefined);
    const total = known.length === sizes.length ? sum(known) : 0;
    const isRecent = now - this.#remote.time < REMOTE_RATE_TTL;
    const remote = isRecent ? this.#remote.rate : 0;
    const rate = Math.round(this.#waiting ? remote : this.#rate.at(now));
    const rest = Math.max(0, total - this.#loaded);
    this.#report(
      {
        loaded: this.#loaded,
        total,
        rate,
        ...(total > 0 && rate > 0 && { left: rest / rate }),
        elsewhere: this.#waiting,
      },
      Object.fromEntries(this.#stored),
    );
  }
}

function sum(numbers: Iterable<number>): number {
  let all = 0;
  for (const number of numbers) all += number;
  return all;
}

/** ms over which the rate is averaged. */
const RATE_WINDOW = 5000;
/** ms before which no rate is given. */
const RATE_DELAY = 250;

/** Bytes per second, over the last seconds. */
export class TransferRate {
  #samples: { readonly time: number; bytes: number }[] = [];
  #start: number | undefined;

  add(bytes: number, now: number): void {
    this.#start ??= now;
    const last = this.#samples.at(-1);
    // One sample per 100 ms keeps the list short however small the chunks are.
    if (last !== undefined && now - last.time < 100) last.bytes += bytes;
    else this.#samples.push({ time: now, bytes });
  }

  at(now: number): number {
    if (this.#start === undefined) return 0;
    this.#samples = this.#samples.filter(
      ({ time }) => now - time < RATE_WINDOW,
    );
    const bytes = sum(this.#samples.map((sample) => sample.bytes));
    const elapsed = Math.min(RATE_WINDOW, now - this.#start);
    return elapsed < RATE_DELAY ? 0 : (bytes * 1000) / elapsed;
  }
}
