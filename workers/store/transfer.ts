import { corrupt } from "../util/file-errors";
import { nextTask } from "../util/scheduler";
import { aborted } from "./errors";
import type { Digest } from "./digest";
import type { PartialFile } from "./partial-file";
import { Ranges } from "./ranges";
import { bodyStart, refusal, type Remote } from "./response";
import { chunksOf, exchange, persevere, Trouble, type Net } from "./request";
import type { Semaphore } from "./semaphore";

/** Bytes read back from the disk at once to be hashed. */
const BLOCK = 1024 * 1024;

/** A file to bring, and what it takes. */
export interface TransferJob {
  readonly net: Net;
  readonly remote: Remote;
  readonly part: PartialFile;
  readonly digest: Digest;
  /** Connections, shared with other files. */
  readonly slots: Semaphore;
  readonly listener: Listener;
  readonly signal: AbortSignal;
}

/** Bytes that one connection is fetching. */
interface Piece {
  /** All before it are here. */
  at: number;
  to: number;
}

export interface Listener {
  /** From the network. */
  received(bytes: number): void;
  /** What is now on disk. */
  kept(bytes: number): void;
}

/**
 * Brings the missing bytes of one file into its part: over several connections
 * if the server knows ranges, else over one. Hashes them in order, straight from
 * the network where it can, else from the disk.
 */
export class Transfer {
  readonly #job: TransferJob;
  readonly #bytes: number;
  readonly #failing = new AbortController();
  readonly #signal: AbortSignal;
  readonly #errors: unknown[] = [];
  /** Here, or being fetched. */
  readonly #taken = new Ranges();
  readonly #pulls: Promise<void>[] = [];
  /** The first answer, which tells about ranges, is in. */
  #answered = false;
  /** All bytes before it are hashed. */
  #hashed = 0;
  #rereading = false;

  constructor(job: TransferJob, bytes: number) {
    this.#job = job;
    this.#bytes = bytes;
    this.#signal = AbortSignal.any([job.signal, this.#failing.signal]);
    for (const [from, to] of job.part.have.spans) this.#taken.add(from, to);
  }

  /** Resolves when the file is whole and what it should be. */
  async run(): Promise<void> {
    this.#pulls.push(this.#pull());
    // More join when the server turns out to know ranges.
    for (let i = 0; i < this.#pulls.length; i++) await this.#pulls[i];
    if (this.#errors.length > 0) throw this.#errors[0];
    await this.#reread();
    if (this.#signal.aborted) throw aborted();
    this.#job.digest.check(this.#job.remote.path);
  }

  /** One connection: piece after piece. Never rejects. */
  async #pull(): Promise<void> {
    const { net, slots, remote } = this.#job;
    const { path: subject, url } = remote;
    const errand = { net, subject, url, signal: this.#signal };
    try {
      for (;;) {
        const piece = this.#claim();
        if (piece === undefined) return;
        await slots.use(() =>
          persevere(
            errand,
            () => this.#fetch(piece),
            () => piece.at,
          ),
        );
        await this.#reread();
      }
    } catch (error) {
      this.#errors.push(error);
      this.#failing.abort();
    }
  }

  #claim(): Piece | undefined {
    const gap = this.#taken.gap(0, this.#bytes);
    if (gap === undefined) return undefined;
    const [at, to] = [gap[0], Math.min(gap[1], gap[0] + this.#job.net.piece)];
    this.#taken.add(at, to);
    return { at, to };
  }

  async #fetch(piece: Piece): Promise<void> {
    if (piece.at >= piece.to) return;
    const headers = { range: `bytes=${piece.at}-${piece.to - 1}` };
    const { url } = this.#job.remote;
    await exchange(
      this.#job.net,
      url,
      { headers },
      this.#signal,
      async (response, alive) => {
        const refused = refusal(this.#job.remote, response);
        if (refused !== undefined) throw refused;
        let at = bodyStart(this.#job.remote, response, piece.at);
        this.#firstAnswer(response.status === 206, piece);
        for await (const chunk of chunksOf(response, alive)) {
          this.#job.listener.received(chunk.length);
          this.#accept(chunk, at, piece);
          at += chunk.length;
          if (at > this.#bytes) throw this.#tooLong(at);
          // The rest of a whole file that others fetch.
          if (piece.at >= piece.to && piece.to < this.#bytes) return;
        }
        if (piece.at < piece.to) {
          const ends = `it ends after ${at} of ${this.#bytes} bytes`;
          throw new Trouble("short", ends);
        }
      },
    );
  }

  #firstAnswer(ranges: boolean, piece: Piece): void {
    if (this.#answered) return;
    this.#answered = true;
    if (ranges) {
      const others = this.#job.slots.count - 1;
      for (let i = 0; i < others; i++) this.#pulls.push(this.#pull());
    } else {
      // Each further request would begin from the start.
      this.#taken.add(piece.at, this.#bytes);
      piece.to = this.#bytes;
    }
  }

  /** Writes what of a chunk is new and within the piece. */
  #accept(chunk: Uint8Array<ArrayBuffer>, at: number, piece: Piece): void {
    const end = Math.min(at + chunk.length, piece.to);
    for (let from = Math.max(at, piece.at); ;) {
      const gap = this.#job.part.have.gap(from, end);
      if (gap === undefined) break;
      const bytes = chunk.subarray(gap[0] - at, gap[1] - at);
      this.#job.part.write(bytes, gap[0]);
      if (gap[0] === this.#hashed && !this.#rereading) {
        this.#job.digest.update(bytes);
        this.#hashed = gap[1];
      }
      from = gap[1];
    }
    piece.at = Math.max(piece.at, end);
    this.#job.listener.kept(this.#job.part.have.size);
  }

  /** Hashes what came before its turn, or in an earlier session. */
  async #reread(): Promise<void> {
    if (!this.#job.digest.checks || this.#rereading) return;
    this.#rereading = true;
    try {
      const block = new Uint8Array(BLOCK);
      for (;;) {
        const to = this.#job.part.have.endOf(this.#hashed);
        const size = Math.min(BLOCK, to - this.#hashed);
        if (size <= 0 || this.#signal.aborted) return;
        const count = await this.#job.part.read(
          block.subarray(0, size),
          this.#hashed,
        );
        if (count === 0) throw this.#unread();
        this.#job.digest.update(block.subarray(0, count));
        this.#hashed += count;
        // Others get their turn: a gigabyte takes seconds.
        await nextTask();
      }
    } finally {
      this.#rereading = false;
    }
  }

  #unread(): Error {
    return corrupt(this.#job.remote.path, "the copy on this disk is cut");
  }

  #tooLong(at: number): Error {
    const why = `it has more than ${this.#bytes} bytes, at least ${at}`;
    return corrupt(this.#job.remote.path, why);
  }
}
