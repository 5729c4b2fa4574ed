import { VlmError } from "../../src/shared/errors";
import { corrupt } from "../util/file-errors";
import { loadAborted, blockedByPolicy, failed, offline } from "./errors";
import { fetchThrough } from "./page-fetch";

/** Network access; tests replace it. */
export interface Net {
  fetch: (url: string, init: RequestInit) => Promise<Response>;
  wait(ms: number): Promise<void>;
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

export const realNet: Net = {
  fetch: ownFetch,
  wait: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  rangeBytes: 8 * 1024 * 1024,
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
/** ms; a server that asks for a longer pause counts as failed. */
const MAX_PAUSE = 60_000;

/** A failure that may pass, so that the request is retried. */
export class TransientError extends Error {
  /**
   * `no-answer`: the server does not answer; `bad-answer`: it answers without
   * the file; `short`: the body ended too early without an error.
   */
  readonly kind: "no-answer" | "bad-answer" | "short";
  /** ms to wait, from `Retry-After`. */
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
export type ResponseKind =
  | "content"
  /** An HTML page: of a single-page app, for a missing file; of a network, for
   * its login. */
  | "page"
  | "missing"
  | "refused"
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
function kindOf({ ok, status, headers }: Response): ResponseKind {
  if (ok) {
    const isPage = headers.get("content-type")?.includes("text/html");
    return isPage === true ? "page" : "content";
  }
  switch (status) {
    case 401:
    case 403:
      return "refused";
    case 404:
    case 410:
      return "missing";
    case 405:
    case 501:
      return "bad-method";
    case 416:
      return "bad-range";
  }
  throw new TransientError(
    "bad-answer",
    `the server answered HTTP ${status}`,
    parseRetryAfter(headers.get("retry-after")),
  );
}

/**
 * Requests something and reads the response with `read`. Retries transient
 * failures, with growing pauses; `init` is called for each attempt. An attempt
 * that advanced `position` resets the count of failures.
 */
export async function request<T>(
  target: RequestTarget,
  init: () => RequestInit,
  read: (response: HttpResponse) => T | Promise<T>,
  position: () => number = () => 0,
): Promise<T> {
  const { net, subject, url, signal, hasFallback = false } = target;
  const maxAttempts = hasFallback ? MAX_ATTEMPTS_WITH_FALLBACK : MAX_ATTEMPTS;
  let lastPosition = position();
  for (let failures = 0; ;) {
    if (signal.aborted) throw loadAborted();
    try {
      return await attempt(target, init(), read);
    } catch (error) {
      if (signal.aborted) throw loadAborted();
      if (!(error instanceof TransientError)) throw error;
      failures = position() > lastPosition ? 1 : failures + 1;
      lastPosition = position();
      const pause = error.retryAfter ?? FIRST_PAUSE * 2 ** (failures - 1);
      if (failures >= maxAttempts || pause > MAX_PAUSE) {
        throw error.toVlmError(subject, new URL(url).host);
      }
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
    const { status, headers } = response;
    const chunks = chunksOf(response, alive);
    return await read({ kind: kindOf(response), status, headers, chunks });
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

async function waitUnlessAborted(net: Net, ms: number, signal: AbortSignal) {
  let stop = (): void => undefined;
  const stopped = new Promise<void>((resolve) => {
    stop = resolve;
  });
  signal.addEventListener("abort", stop);
  await Promise.race([net.wait(ms), stopped]);
  signal.removeEventListener("abort", stop);
}
