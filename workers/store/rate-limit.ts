import { loadAborted } from "./errors";

/** The time, which tests replace. */
export interface Clock {
  /** ms since 1970. */
  now(): number;
  wait(ms: number): Promise<void>;
}

/** ms of the first wait where the server does not say how long to wait; doubled
 * for each further one. */
const FIRST_WAIT = 2000;
/** ms of the shortest wait, even if the server asks for less. */
const MIN_WAIT = 1000;
/** ms of the longest wait where the server does not say how long to wait. The hub
 * counts requests in windows of five minutes. */
const MAX_WAIT = 120_000;
/** ms after which a server that accepts no request counts as failed. */
const GIVE_UP = 900_000;
/** ms between two reports of the time left. */
const REPORT_INTERVAL = 1000;

/** A server that accepts no requests at present. */
interface LimitedServer {
  readonly since: number;
  /** Number of waits so far. */
  readonly waits: number;
  /** When the next request may be sent. */
  readonly until: number;
}

/**
 * Waits for servers that limit the number of requests (HTTP 429). All requests to
 * a server wait together, so that they do not use up the next window, too.
 */
export class RateLimits {
  readonly #clock: Clock;
  readonly #servers = new Map<string, LimitedServer>();
  readonly #listeners = new Set<(seconds: number | undefined) => void>();
  #reported: number | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Reports the seconds left, once a second, and undefined at the end of a wait.
   * Returns a function that removes the listener. */
  listen(listener: (seconds: number | undefined) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** Whether requests to the server have to wait. */
  isLimited(origin: string): boolean {
    return this.#left(origin) > 0;
  }

  /** Resolves when a request to the server may be sent; rejects with `aborted` as
   * soon as the signal aborts. */
  async pass(origin: string, signal: AbortSignal): Promise<void> {
    for (let left; (left = this.#left(origin)) > 0;) {
      this.#report(Math.ceil(left / 1000));
      await waitUnlessAborted(
        this.#clock,
        Math.min(left, REPORT_INTERVAL),
        signal,
      );
      if (signal.aborted || this.#left(origin) <= 0) this.#report(undefined);
      if (signal.aborted) throw loadAborted();
    }
  }

  /**
   * The server refused a request; `retryAfter` is the time in ms that it asks
   * for, if any. Returns false if waiting is pointless.
   */
  refused(origin: string, retryAfter: number | undefined): boolean {
    // Several requests are refused at a time; they count as one.
    if (this.isLimited(origin)) return true;
    const now = this.#clock.now();
    const last = this.#servers.get(origin);
    // The last wait may have been aborted, long ago.
    const continues = last !== undefined && now - last.until < MAX_WAIT;
    const { since, waits } = continues ? last : { since: now, waits: 0 };
    const wait = retryAfter ?? Math.min(FIRST_WAIT * 2 ** waits, MAX_WAIT);
    const until = now + Math.max(wait, MIN_WAIT);
    if (until - since > GIVE_UP) {
      this.#servers.delete(origin);
      return false;
    }
    this.#servers.set(origin, { since, waits: waits + 1, until });
    return true;
  }

  /** The server accepted a request. */
  accepted(origin: string): void {
    // It may have been sent before the limit was reached.
    if (!this.isLimited(origin)) this.#servers.delete(origin);
  }

  /** ms until the next request may be sent. */
  #left(origin: string): number {
    const server = this.#servers.get(origin);
    return server === undefined ? 0 : server.until - this.#clock.now();
  }

  #report(seconds: number | undefined): void {
    if (seconds === this.#reported) return;
    this.#reported = seconds;
    for (const listener of this.#listeners) listener(seconds);
  }
}

/** Resolves after `ms`, or as soon as the signal aborts. */
export async function waitUnlessAborted(
  clock: Clock,
  ms: number,
  signal: AbortSignal,
): Promise<void> {
  if (signal.aborted) return;
  let stop = (): void => undefined;
  const stopped = new Promise<void>((resolve) => {
    stop = resolve;
  });
  signal.addEventListener("abort", stop);
  await Promise.race([clock.wait(ms), stopped]);
  signal.removeEventListener("abort", stop);
}
