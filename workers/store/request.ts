import { VlmError } from "../../src/shared/errors";
import { corrupt } from "../util/file-errors";
import { loadAborted, blockedByPolicy, failed, offline } from "./errors";
import { fetchThrough } from "./page-fetch";
import { RateLimits, waitUnlessAborted, type Clock } from "./rate-limit";

/** Network access; tests replace it. */
export interface Net extends Clock {
  fetch: (url: string, init: RequestInit) => Promise<Response>;
  readonly limits: RateLimits;
  /** Bytes per range request. */
  readonly rangeBytes: number;
  /** ms between two journal entries of a download. */
  readonly journalPause: number;
}

/** Origins that the page's Content-Security-Policy has blocked. */
const blockedOrigins = new Set<string>();
if (typeof SecurityPolicyViolationEvent !== "undefined") {
  addEventListener("securitypolicyviolation", (event) => {
    const { blockedURI } = event as SecurityPolicyViolationEvent;
    if (URL.canParse(blockedURI))
      blockedOrigins.add(new URL(blockedURI).origin);
  });
}

async function ownFetch(url: string, init: RequestInit) {
  try {
    return await fetch(url, init);
  } catch (error) {
    // The violation event comes in a later task than the failure.
    await new Promise((resolve) => setTimeout(resolve, 20));
    const { origin } = new URL(url);
    if (blockedOrigins.has(origin)) throw blockedByPolicy(origin, error);
    throw error;
  }
}

const clock: Clock = {
  now: () => Date.now(),
  wait: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
};

export const realNet: Net = {
  ...clock,
  fetch: ownFetch,
  limits: new RateLimits(clock),
  // The hub limits the number of requests.
  rangeBytes: 64 * 1024 * 1024,
  journalPause: 1000,
};

/** Sends all later requests through the `fetch` of the page, over its port. */
export function usePageFetch(page: MessagePort): void {
  realNet.fetch = fetchThrough(page);
}

/** ms without a byte after which a connection counts as dead. */
const SILENCE_TIMEOUT = 20_000;
/** The same for a request that has a fallback. */
const SHORT_SILENCE_TIMEOUT = 6000;
/** Failed attempts in a row, without a byte in between. */
const MAX_ATTEMPTS = 5;
const MAX_ATTEMPTS_WITH_FALLBACK = 2;
/** ms before the second attempt; doubled for each further one. */
const FIRST_PAUSE = 400;

/** A failure that may pass, so that the request is retried. */
export class TransientError extends Error {
  /**
   * `no-answer`: the server does not answer; `bad-answer`: it answers without
   * the file; `limited`: it asks to wait; `short`: the file ended too early
   * without an error.
   */
  readonly kind: "no-answer" | "bad-answer" | "limited" | "short";
  /** ms to wait, from `Retry-After`, which CORS may hide. */
  readonly retryAfter: number | undefined;

  constructor(
    kind: TransientError["kind"],
    message: string,
    retryAfter?: number,
  ) {
    super(message);
    this.kind = kind;
    this.retryAfter = retryAfter;
  }

  toVlmError(subject: string, host: string): VlmError {
    if (this.kind === "no-answer") return offline(subject, host, this);
    if (this.kind === "short") return corrupt(subject, this.message, this);
    return failed(subject, host, this.message);
  }
}

/** Something to get from a server. */
export interface RequestTarget {
  readonly net: Net;
  readonly url: string;
  /** The file, or a description of the response, for error messages. */
  readonly subject: string;
  readonly signal: AbortSignal;
  /** The caller can go on without it: gives up sooner. */
  readonly hasFallback?: boolean;
}

/** What the status and type of a response mean. Any other status is an error
 * that may pass, so that the request is retried. */
type ResponseKind =
  | "content"
  /** An HTML page: of a single-page app, for a missing file; of a network, for
   * its login. */
  | "page"
  | "missing"
  | "refused"
  /** The URL of a redirect is no longer valid; another request gets a new one. */
  | "expired"
  /** The requested range is outside of the file. */
  | "bad-range"
  /** The server does not support the method. */
  | "bad-method";

export interface HttpResponse {
  readonly kind: ResponseKind;
  readonly status: number;
  readonly headers: Headers;
  /** The body as it arrives. Can be read once, during the request. */
  readonly chunks: AsyncIterable<Uint8Array<ArrayBuffer>>;
}

/** The only place that judges a status. */
function kindOf(
  { ok, status, headers, url }: Response,
  asked: URL,
): ResponseKind {
  if (ok) {
    const isPage = headers.get("content-type")?.includes("text/html");
    return isPage === true ? "page" : "content";
  }
  switch (status) {
    case 401:
    case 403:
      return URL.canParse(url) && new URL(url).origin !== asked.origin
        ? "expired"
        : "refused";
    case 404:
    case 410:
      return "missing";
    case 405:
    case 501:
      return "bad-method";
    case 416:
      return "bad-range";
  }
  const retryAfter = parseRetryAfter(headers.get("retry-after"));
  if (status === 429) {
    const why = "the server limits the number of requests (HTTP 429)";
    throw new TransientError("limited", why, retryAfter);
  }
  const kind = retryAfter === undefined ? "bad-answer" : "limited";
  const why = `the server answered HTTP ${status}`;
  throw new TransientError(kind, why, retryAfter);
}

/**
 * Requests something and reads the response with `read`. Retries transient
 * failures, with growing pauses, and waits as long as the server limits requests;
 * `init` is called for each attempt. An attempt that advanced `position` resets
 * the count of failures.
 */
export async function request<T>(
  target: RequestTarget,
  init: () => RequestInit,
  read: (response: HttpResponse) => T | Promise<T>,
  position: () => number = () => 0,
): Promise<T> {
  const { net, subject, url, signal, hasFallback = false } = target;
  const maxAttempts = hasFallback ? MAX_ATTEMPTS_WITH_FALLBACK : MAX_ATTEMPTS;
  const { origin, host } = new URL(url);
  let lastPosition = position();
  for (let failures = 0; ;) {
    if (signal.aborted) throw loadAborted();
    if (!hasFallback) await net.limits.pass(origin, signal);
    try {
      return await attempt(target, init(), read);
    } catch (error) {
      if (signal.aborted) throw loadAborted();
      if (!(error instanceof TransientError)) throw error;
      if (error.kind === "limited") {
        const waits = net.limits.refused(origin, error.retryAfter);
        if (waits && !hasFallback) continue;
        throw error.toVlmError(subject, host);
      }
      failures = position() > lastPosition ? 1 : failures + 1;
      lastPosition = position();
      if (failures >= maxAttempts) throw error.toVlmError(subject, host);
      const pause = FIRST_PAUSE * 2 ** (failures - 1);
      await waitUnlessAborted(net, pause, signal);
    }
  }
}

/** Sends one request. The connection is closed when `read` returns. */
async function attempt<T>(
  { net, url, signal, hasFallback = false }: RequestTarget,
  init: RequestInit,
  read: (response: HttpResponse) => T | Promise<T>,
): Promise<T> {
  const silence = hasFallback ? SHORT_SILENCE_TIMEOUT : SILENCE_TIMEOUT;
  const ending = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const alive = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      ending.abort();
    }, silence);
  };
  alive();
  try {
    const either = AbortSignal.any([signal, ending.signal]);
    const response = await send(net, url, { ...init, signal: either });
    alive();
    const asked = new URL(url);
    const kind = kindOf(response, asked);
    net.limits.accepted(asked.origin);
    const { status, headers } = response;
    const chunks = chunksOf(response, alive);
    return await read({ kind, status, headers, chunks });
  } finally {
    clearTimeout(timer);
    ending.abort();
  }
}

async function send(net: Net, url: string, init: RequestInit) {
  try {
    // Files are stored here; the HTTP cache need not store them again.
    return await net.fetch(url, { cache: "no-store", ...init });
  } catch (error) {
    if (error instanceof VlmError) throw error;
    throw new TransientError("no-answer", String(error));
  }
}

async function* chunksOf(response: Response, alive: () => void) {
  const reader = response.body?.getReader();
  while (reader !== undefined) {
    let part: ReadableStreamReadResult<Uint8Array<ArrayBuffer>>;
    try {
      part = await reader.read();
    } catch {
      throw new TransientError(
        "bad-answer",
        "the connection was lost several times",
      );
    }
    if (part.done) return;
    alive();
    yield part.value;
  }
}

/** ms, from seconds or a date. */
function parseRetryAfter(header: string | null): number | undefined {
  if (header === null) return undefined;
  const seconds = Number(header);
  const ms = Number.isNaN(seconds)
    ? Date.parse(header) - Date.now()
    : seconds * 1000;
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}
