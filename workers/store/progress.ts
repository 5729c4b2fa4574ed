import { Rate } from "./rate";

/** Like the `progress` event of the protocol. */
export interface Progress {
  /** Bytes of the files asked for that are here. */
  readonly loaded: number;
  /** Bytes of all files asked for; 0 while unknown. */
  readonly total: number;
  /** Bytes a second from the network, lately. */
  readonly rate: number;
  /** Seconds that the rest will take at that rate; absent if unknown. */
  readonly left?: number;
  /** Another tab is downloading; this one waits for it. */
  readonly elsewhere: boolean;
}

/** Reports are this many ms apart. */
const STEP = 100;
/** So many ms another tab's word is believed. */
const HEARSAY = 3000;

/** Counts what comes of some files, and reports it now and then. */
export class ProgressMeter {
  /** Bytes of each file; undefined if nobody tells. */
  readonly #sizes = new Map<string, number | undefined>();
  /** Bytes of each that are here. */
  readonly #here = new Map<string, number>();
  readonly #report: (progress: Progress, here: Here) => void;
  readonly #rate = new Rate();
  #reportedAt = -Infinity;
  #waiting = false;
  #told = { rate: 0, time: -Infinity };
  /** The most that was reported: a file that has to come again hides it. */
  #loaded = 0;

  constructor(report: (progress: Progress, here: Here) => void) {
    this.#report = report;
  }

  expect(path: string, bytes: number | undefined): void {
    this.#sizes.set(path, bytes);
  }

  received(bytes: number): void {
    this.#rate.add(bytes, performance.now());
  }

  kept(path: string, bytes: number): void {
    this.#here.set(path, bytes);
    this.#now();
  }

  /** This tab waits for another one, or no longer. */
  wait(waiting: boolean): void {
    this.#waiting = waiting;
    this.flush();
  }

  /** What the other one tells. */
  told(here: Here, rate: number): void {
    for (const [path, bytes] of Object.entries(here)) {
      if (this.#sizes.has(path)) this.#here.set(path, bytes);
    }
    this.#told = { rate, time: performance.now() };
    this.#waiting = true;
    this.#now();
  }

  /** Reports without waiting for its time. */
  flush(): void {
    this.#reportedAt = -Infinity;
    this.#now();
  }

  #now(): void {
    const now = performance.now();
    if (now - this.#reportedAt < STEP) return;
    this.#reportedAt = now;
    this.#loaded = Math.max(this.#loaded, sum(this.#here.values()));
    const sizes = [...this.#sizes.values()];
    const known = sizes.filter((size) => size !== undefined);
    const total = known.length === sizes.length ? sum(known) : 0;
    const told = now - this.#told.time < HEARSAY ? this.#told.rate : 0;
    const rate = Math.round(this.#waiting ? told : this.#rate.at(now));
    const rest = Math.max(0, total - this.#loaded);
    this.#report(
      {
        loaded: this.#loaded,
        total,
        rate,
        ...(total > 0 && rate > 0 && { left: rest / rate }),
        elsewhere: this.#waiting,
      },
      Object.fromEntries(this.#here),
    );
  }
}

/** Bytes that are here, by path. */
export type Here = Readonly<Record<string, number>>;

function sum(numbers: Iterable<number>): number {
  let all = 0;
  for (const number of numbers) all += number;
  return all;
}
