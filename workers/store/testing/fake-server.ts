import { sha256 } from "hash-wasm";
import type { Net } from "../request";
import type { Bytes } from "./bytes";

/** What goes wrong with one request for a file. */
export type Fault =
  /** The connection breaks, or ends as if that were all, after so many bytes. */
  | { readonly kind: "cut" | "end"; readonly after: number }
  /** That byte of the file is another one. */
  | { readonly kind: "flip"; readonly at: number }
  | { readonly kind: "status"; readonly status: number; readonly wait?: string }
  | { readonly kind: "no-ranges" | "down" | "hang" };

export interface ServedFile {
  readonly bytes: Bytes;
  readonly headers: Readonly<Record<string, string>>;
}

/** Bytes [from, to) of a file that went out. */
export interface Sent {
  readonly path: string;
  readonly from: number;
  to: number;
}

/** A server in this process, which fails as a test says. */
export class FakeServer {
  readonly files = new Map<string, ServedFile>();
  readonly sent: Sent[] = [];
  /** e.g. `HEAD /a bytes=0-`. */
  readonly requests: string[] = [];
  /** Pauses before new attempts, in ms; nobody waits for them here. */
  readonly waits: number[] = [];
  readonly net: Net;
  down = false;
  /** Whether it tells how long its answers are, and knows ranges. */
  sized = true;
  /** Bytes of a chunk, and ms before each. */
  chunk = 1000;
  pause = 0;
  fault: (path: string, from: number) => Fault | undefined = () => undefined;
  /** Called before each chunk of a body. */
  onChunk: () => void = () => undefined;

  constructor(rangeBytes: number, journalPause = 0) {
    this.net = {
      fetch: (url, init) => this.#fetch(url, init),
      wait: (ms) => {
        this.waits.push(ms);
        return Promise.resolve();
      },
      rangeBytes,
      journalPause,
    };
  }

  put(path: string, bytes: Bytes, headers = {}): void {
    this.files.set(path, { bytes, headers });
  }

  /** Puts them into a folder with a manifest. */
  async publish(
    folder: string,
    files: Readonly<Record<string, Bytes>>,
  ): Promise<void> {
    const entries: [string, unknown][] = [];
    for (const [path, bytes] of Object.entries(files)) {
      this.put(folder + path, bytes);
      const hash = { bytes: bytes.length, sha256: await sha256(bytes) };
      entries.push([path, hash]);
    }
    const manifest = { version: 1, files: Object.fromEntries(entries) };
    const json = new TextEncoder().encode(JSON.stringify(manifest));
    this.put(`${folder}manifest.json`, json);
  }

  async #fetch(url: string, init: RequestInit): Promise<Response> {
    await new Promise((resolve) => setTimeout(resolve));
    init.signal?.throwIfAborted();
    const path = new URL(url).pathname;
    const method = init.method ?? "GET";
    const range = new Headers(init.headers).get("range");
    this.requests.push(`${method} ${path} ${range ?? ""}`.trim());
    if (this.down) throw new TypeError("Failed to fetch");
    const file = this.files.get(path);
    if (file === undefined) return new Response("", { status: 404 });
    const size = file.bytes.length;
    const match = /^bytes=(\d+)-(\d*)$/.exec(range ?? "");
    const from = Number(match?.[1] ?? 0);
    const fault = method === "GET" ? this.fault(path, from) : undefined;
    if (fault?.kind === "down") throw new TypeError("Failed to fetch");
    if (fault?.kind === "hang") return never(init.signal);
    if (fault?.kind === "status") {
      const { status, wait } = fault;
      const headers = wait === undefined ? {} : { "retry-after": wait };
      return new Response("", { status, headers });
    }
    const ranges = this.sized && fault?.kind !== "no-ranges";
    const partial = match !== null && ranges;
    if (partial && from >= size) return new Response("", { status: 416 });
    const begin = partial ? from : 0;
    const last = match?.[2] ? Math.min(Number(match[2]), size - 1) : size - 1;
    const end = partial ? last + 1 : size;
    const headers = new Headers(file.headers);
    if (this.sized) headers.set("content-length", String(end - begin));
    if (partial) headers.set("content-range", `bytes ${begin}-${last}/${size}`);
    const status = partial ? 206 : 200;
    if (method === "HEAD") return new Response(null, { status, headers });
    const body = this.#body(path, file.bytes, begin, end, fault);
    return new Response(body, { status, headers });
  }

  #body(
    path: string,
    bytes: Bytes,
    begin: number,
    end: number,
    fault: Fault | undefined,
  ): ReadableStream<Bytes> {
    const sent = { path, from: begin, to: begin };
    this.sent.push(sent);
    const ends = fault?.kind === "cut" || fault?.kind === "end";
    const stop = ends ? Math.min(end, begin + fault.after) : end;
    return new ReadableStream(
      {
        pull: async (controller) => {
          if (this.pause > 0) {
            await new Promise((resolve) => setTimeout(resolve, this.pause));
          }
          this.onChunk();
          if (sent.to < stop) {
            const next = Math.min(stop, sent.to + this.chunk);
            const chunk = bytes.slice(sent.to, next);
            if (fault?.kind === "flip") flip(chunk, fault.at - sent.to);
            sent.to = next;
            controller.enqueue(chunk);
          } else if (fault?.kind === "cut" && stop < end) {
            controller.error(new TypeError("network error"));
          } else {
            controller.close();
          }
        },
      },
      // Nothing is made before it is asked for, so that `sent` was received.
      { highWaterMark: 0 },
    );
  }
}

function flip(chunk: Uint8Array, at: number): void {
  const byte = chunk[at];
  if (byte !== undefined) chunk[at] = byte ^ 0x10;
}

function never(signal: AbortSignal | null | undefined): Promise<Response> {
  return new Promise((_, reject) => {
    signal?.addEventListener("abort", () => {
      reject(new DOMException("Aborted", "AbortError"));
    });
  });
}
