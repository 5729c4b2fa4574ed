import { sha1, sha256 } from "hash-wasm";
import {
  FakeHub,
  lfsPointer,
  type HubFile,
  type Snapshot,
} from "../../../tools/cli/hub/fake-hub.mjs";
import type { Fault } from "../../../tools/cli/hub/faults.mjs";
import type { HubReply } from "../../../tools/cli/hub/reply.mjs";
import { RateLimits } from "../rate-limit";
import type { Net } from "../request";
import type { Bytes } from "./bytes";

export type { Fault };

/** Bytes [from, to) of a file that were sent. */
export interface Sent {
  readonly path: string;
  readonly from: number;
  readonly to: number;
}

/** The fake hub in this process, as the network of a store. */
export class FakeServer {
  /** The repositories that `commit` publishes. */
  readonly #snapshots = new Map<string, Snapshot>();
  readonly hub = new FakeHub([], {
    hub: "https://hub.test",
    cdn: "https://cdn.test",
  });
  readonly net: Net;
  /** Pauses between attempts, in ms; they take no time here. */
  readonly waits: number[] = [];
  /** Advances with the waits only. */
  #now = 0;
  /** The network is down. */
  down = false;
  /** ms before each chunk of a body. */
  pause = 0;
  onChunk: () => void = () => undefined;

  constructor(rangeBytes: number, journalPause = 0) {
    this.hub.chunkBytes = 1000;
    this.hub.beforeChunk = async () => {
      if (this.pause > 0) {
        await new Promise((resolve) => setTimeout(resolve, this.pause));
      }
      this.onChunk();
    };
    const clock = {
      now: () => this.#now,
      wait: (ms: number) => {
        this.waits.push(ms);
        this.#now += ms;
        return Promise.resolve();
      },
    };
    this.net = {
      ...clock,
      fetch: (url, init) => this.#fetch(url, init),
      limits: new RateLimits(clock),
      rangeBytes,
      journalPause,
    };
  }

  set fault(faultOf: (path: string, from: number) => Fault | undefined) {
    this.hub.faultOf = faultOf;
  }

  /** e.g. `HEAD /a bytes=0-`. */
  get requests(): string[] {
    return this.hub.requests.map(({ method, path, range }) =>
      `${method} ${path} ${range ?? ""}`.trim(),
    );
  }

  get sent(): Sent[] {
    return this.hub.requests
      .filter(({ method, file }) => method === "GET" && file !== "")
      .map(({ file, from, bytes }) => ({ path: file, from, to: from + bytes }));
  }

  /** Forgets the requests so far. */
  clear(): void {
    this.hub.requests.length = 0;
  }

  put(path: string, bytes: Bytes, headers = {}): void {
    this.hub.staticFiles.set(path, { bytes, headers });
  }

  /** Serves the files in a folder with a manifest. */
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

  /** Serves the files as the newest commit of a hub's repository. */
  async commit(
    id: string,
    commit: string,
    files: Readonly<Record<string, Bytes>>,
    card: Readonly<Record<string, string>> = {},
  ): Promise<void> {
    const entries = Object.entries(files).map(async ([path, bytes]) => {
      return [path, await hubFile(path, bytes)] as const;
    });
    const snapshot = {
      commit,
      files: new Map(await Promise.all(entries)),
      card,
    };
    const isNew = !this.#snapshots.has(id);
    this.#snapshots.set(id, snapshot);
    if (!isNew) return;
    const latest = (): Promise<Snapshot> =>
      Promise.resolve(this.#snapshots.get(id) ?? snapshot);
    this.hub.repositories = [
      ...this.hub.repositories,
      { id, snapshot: latest },
    ];
  }

  async #fetch(url: string, init: RequestInit): Promise<Response> {
    await new Promise((resolve) => setTimeout(resolve));
    init.signal?.throwIfAborted();
    if (this.down) throw new TypeError("Failed to fetch");
    const headers = new Headers(init.headers);
    for (const [name, value] of headers) {
      // Anything else is asked for with a preflight.
      const isSimple = name === "range" && /^bytes=\d+-\d*$/.test(value);
      if (!isSimple) throw new TypeError(`The header ${name} is not simple.`);
    }
    for (let at = new URL(url); ;) {
      const { reply } = await this.hub.respond({
        method: init.method ?? "GET",
        url: at,
        header: (name) => headers.get(name) ?? undefined,
      });
      if (reply === "reset") throw new TypeError("Failed to fetch");
      if (reply === "hang") return untilAborted(init.signal);
      const location = reply.headers["Location"];
      if (location === undefined) return toResponse(reply, at);
      at = new URL(location, at);
    }
  }
}

async function hubFile(path: string, bytes: Bytes): Promise<HubFile> {
  const size = bytes.length;
  const hash = path.startsWith("onnx/") ? await sha256(bytes) : undefined;
  const content =
    hash === undefined
      ? bytes
      : new TextEncoder().encode(lfsPointer(hash, size));
  const header = new TextEncoder().encode(`blob ${content.length}\0`);
  const blob = await sha1(new Uint8Array([...header, ...content]));
  return {
    path,
    size,
    blob,
    ...(hash !== undefined && { sha256: hash }),
    *read(start, end, chunk) {
      for (let at = start; at < end; at += chunk) {
        yield bytes.slice(at, Math.min(at + chunk, end));
      }
    },
  };
}

/** A response as a page of another origin sees it. */
function toResponse(
  { status, headers: sent, body }: HubReply,
  url: URL,
): Response {
  const headers = readable(new Headers(sent));
  if (typeof body !== "object") {
    return withUrl(new Response(body ?? null, { status, headers }), url);
  }
  const chunks = body[Symbol.asyncIterator]();
  const stream = new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        try {
          const next = await chunks.next();
          if (next.done) controller.close();
          else controller.enqueue(next.value);
        } catch {
          controller.error(new TypeError("network error"));
        }
      },
    },
    // No chunk is read ahead, so that all bytes that were sent are received.
    { highWaterMark: 0 },
  );
  return withUrl(new Response(stream, { status, headers }), url);
}

/** The headers that CORS lets a page read. */
function readable(headers: Headers): Headers {
  const exposed = (headers.get("access-control-expose-headers") ?? "")
    .toLowerCase()
    .split(",");
  if (exposed.includes("*")) return headers;
  const safe = ["cache-control", "content-type", "last-modified", ...exposed];
  return new Headers([...headers].filter(([name]) => safe.includes(name)));
}

/** A response that was constructed has no URL. */
function withUrl(response: Response, { href }: URL): Response {
  return Object.defineProperty(response, "url", { value: href });
}

function untilAborted(
  signal: AbortSignal | null | undefined,
): Promise<Response> {
  return new Promise((_, reject) => {
    signal?.addEventListener("abort", () => {
      reject(new DOMException("Aborted", "AbortError"));
    });
  });
}
