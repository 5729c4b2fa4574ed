import { VlmError } from "../../src/shared/errors";
import { corrupt } from "../util/file-errors";
import { aborted, failed, notAllowed, offline } from "./errors";
import { fetchThrough } from "./page-fetch";

/** What of the world outside is needed; tests bring their own. */
export interface Net {
  fetch(url: string, init: RequestInit): Promise<Response>;
  wait(ms: number): Promise<void>;
  /** Bytes asked for at once. */
  readonly piece: number;
  /** ms after which it is put on record what came. */
  readonly pause: number;
}

/** Origins that the page's own policy has kept from being asked. */
const forbidden = new Set<string>();
if (typeof SecurityPolicyViolationEvent !== "undefined") {
  addEventListener("securitypolicyviolation", (event) => {
    const { blockedURI } = event as SecurityPolicyViolationEvent;
    if (URL.canParse(blockedURI)) forbidden.add(new URL(blockedURI).origin);
  });
}

async function askedForReal(url: string, init: RequestInit) {
  try {
    return await fetch(url, init);
  } catch (error) {
    // The policy is told of in a task of its own, after the failure.
    await new Promise((resolve) => setTimeout(resolve, 20));
    const { origin } = new URL(url);
    if (forbidden.has(origin)) throw notAllowed(origin, error);
    throw error;
  }
}

let ask: Net["fetch"] = askedForReal;

/** From now on the page's own `fetch` is asked for everything. */
export function askThePage(page: MessagePort): void {
  ask = fetchThrough(page);
}

export const realNet: Net = {
  fetch: (url, init) => ask(url, init),
  wait: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  piece: 8 * 1024 * 1024,
  pause: 1000,
};

/** A connection on which nothing comes for so long, in ms, is dead. */
const SILENCE = 20_000;
/** The same where there is a way without it. */
const HASTE = 6000;
/** Failures in a row, without a byte in between, that are borne. */
const ATTEMPTS = 5;
/** Before the second attempt, in ms; it doubles each time. */
const PAUSE = 400;
/** Longer, in ms, nobody sits and waits for a server that asks for it. */
const LONGEST = 60_000;

/** A failure that may pass. */
export class Trouble extends Error {
  /**
   * `silent`: nobody answers; `refused`: an answer, but not the file; `short`:
   * the answer ended as if that were all.
   */
  readonly kind: "silent" | "refused" | "short";
  /** ms that the server asks to wait. */
  readonly pause: number | undefined;

  constructor(kind: Trouble["kind"], message: string, pause?: number) {
    super(message);
    this.kind = kind;
    this.pause = pause;
  }

  toError(subject: string, host: string): VlmError {
    if (this.kind === "silent") return offline(subject, host, this);
    if (this.kind === "short") return corrupt(subject, this.message, this);
    return failed(subject, host, this.message);
  }
}

/**
 * One request and what is made of its answer. `alive` is called whenever
 * something came; the connection is ended when `use` returns.
 */
export async function exchange<T>(
  net: Net,
  url: string,
  init: RequestInit,
  signal: AbortSignal,
  use: (response: Response, alive: () => void) => Promise<T>,
  hasty = false,
): Promise<T> {
  const ending = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const alive = (): void => {
    clearTimeout(timer);
    timer = setTimeout(
      () => {
        ending.abort();
      },
      hasty ? HASTE : SILENCE,
    );
  };
  alive();
  try {
    const either = AbortSignal.any([signal, ending.signal]);
    const response = await answer(net, url, { ...init, signal: either });
    alive();
    const { status } = response;
    if (status === 408 || status === 429 || status >= 500) {
      const pause = retryAfter(response.headers.get("retry-after"));
      throw new Trouble("refused", `it answers HTTP ${status}`, pause);
    }
    return await use(response, alive);
  } catch (error) {
    if (signal.aborted) throw aborted();
    throw error;
  } finally {
    clearTimeout(timer);
    ending.abort();
  }
}

async function answer(net: Net, url: string, init: RequestInit) {
  try {
    // What is kept here need not be kept by the browser a second time.
    return await net.fetch(url, { cache: "no-store", ...init });
  } catch (error) {
    if (error instanceof VlmError) throw error;
    throw new Trouble("silent", String(error));
  }
}

/** The chunks of a body, as they come. */
export async function* chunksOf(response: Response, alive: () => void) {
  const reader = response.body?.getReader();
  while (reader !== undefined) {
    let part: ReadableStreamReadResult<Uint8Array<ArrayBuffer>>;
    try {
      part = await reader.read();
    } catch {
      // Not `silent`: it did answer.
      throw new Trouble("refused", "the connection is cut again and again");
    }
    if (part.done) return;
    alive();
    yield part.value;
  }
}

/** ms, of seconds or of a date. */
function retryAfter(header: string | null): number | undefined {
  if (header === null) return undefined;
  const seconds = Number(header);
  const ms = Number.isNaN(seconds)
    ? Date.parse(header) - Date.now()
    : seconds * 1000;
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}

/** Something to be had from a server, in spite of troubles. */
export interface Errand {
  readonly net: Net;
  /** A file, or what else it is, for people. */
  readonly subject: string;
  readonly url: string;
  readonly signal: AbortSignal;
  /** There is a way without it. */
  readonly hasty?: boolean;
}

/**
 * Tries until it works, with growing pauses. An attempt that brought
 * `position` on does not count as a failure.
 */
export async function persevere<T>(
  { net, subject, url, signal, hasty = false }: Errand,
  attempt: () => Promise<T>,
  position: () => number = () => 0,
): Promise<T> {
  let at = position();
  for (let failures = 0; ;) {
    if (signal.aborted) throw aborted();
    try {
      return await attempt();
    } catch (error) {
      if (signal.aborted) throw aborted();
      if (!(error instanceof Trouble)) throw error;
      failures = position() > at ? 1 : failures + 1;
      at = position();
      const pause = error.pause ?? PAUSE * 2 ** (failures - 1);
      const enough = failures >= (hasty ? 2 : ATTEMPTS);
      if (enough || pause > LONGEST) {
        throw error.toError(subject, new URL(url).host);
      }
      await waited(net, pause, signal);
    }
  }
}

async function waited(net: Net, ms: number, signal: AbortSignal) {
  let stop = (): void => undefined;
  const stopped = new Promise<void>((resolve) => {
    stop = resolve;
  });
  signal.addEventListener("abort", stop);
  await Promise.race([net.wait(ms), stopped]);
  signal.removeEventListener("abort", stop);
}
