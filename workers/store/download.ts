import { corrupt } from "../util/file-errors";
import { nextTask } from "../util/scheduler";
import { Digest } from "./digest";
import { loadAborted, hasCode } from "./errors";
import type { FileMetadata } from "./listing";
import { PartialFile, type FileStorage } from "./partial-file";
import { Ranges } from "./ranges";
import {
  request,
  TransientError,
  type HttpResponse,
  type Net,
} from "./request";
import {
  bodyStart,
  checkResponse,
  noBytes,
  type FileLocation,
} from "./response";
import type { Semaphore } from "./semaphore";

/** Bytes per read when stored bytes are hashed. */
const HASH_BLOCK = 1024 * 1024;

interface Download {
  readonly net: Net;
  readonly location: FileLocation;
  readonly file: FileMetadata;
  /** Limits connections, together with other downloads. */
  readonly connections: Semaphore;
  /** Bytes arrived from the network. */
  readonly onReceived: (bytes: number) => void;
  /** This many bytes of the file are on the disk. */
  readonly onStored: (bytes: number) => void;
  readonly signal: AbortSignal;
}

/**
 * Completes and verifies a file in the storage. A file with a wrong hash is
 * discarded; an interrupted one is resumed by the next call.
 */
export async function downloadFile(
  storage: FileStorage,
  key: string,
  download: Download,
): Promise<void> {
  const { file, net, onStored, connections } = download;
  const digest = await Digest.create(file);
  const part = await PartialFile.open(storage, key, net.journalPause);
  try {
    onStored(part.have.size);
    if (file.bytes === undefined) {
      const bytes = await connections.run(() =>
        downloadUnsized(download, part, digest),
      );
      await part.markVerified(bytes);
    } else {
      await new RangeDownload(download, file.bytes, part, digest).run();
      await part.markVerified(file.bytes);
    }
  } catch (error) {
    // The bytes before an early end may be correct.
    const short =
      error instanceof Error && error.cause instanceof TransientError;
    if (hasCode(error, "model-corrupt") && !short) await part.discard();
    throw error;
  } finally {
    await part.close();
  }
}

/** A file of unknown size: one request, restarted if interrupted. */
async function downloadUnsized(
  { net, location, onReceived, onStored, signal }: Download,
  part: PartialFile,
  digest: Digest,
): Promise<number> {
  const { path, url } = location;
  const target = { net, subject: path, url, signal };
  const bytes = await request(
    target,
    () => ({}),
    async (response) => {
      checkResponse(location, response);
      await part.discard();
      digest.reset();
      let at = 0;
      for await (const chunk of response.chunks) {
        onReceived(chunk.length);
        part.write(chunk, at);
        digest.update(chunk);
        at += chunk.length;
        onStored(at);
        await part.commitIfDue();
      }
      if (at === 0) throw noBytes();
      return at;
    },
  );
  digest.verify(path);
  return bytes;
}

/** Bytes that one connection fetches. */
interface Piece {
  /** All bytes of the piece before it are in the file. */
  at: number;
  to: number;
}

/** The first byte of the next request: the piece's last byte again, if the
 * connection was lost right after it. */
const nextByte = ({ at, to }: Piece): number => Math.min(at, to - 1);

/**
 * Fetches the missing bytes of a file: over several connections if the server
 * supports ranges, else over one. Bytes are hashed in order, from the network
 * where possible, else from the disk.
 */
class RangeDownload {
  readonly #download: Download;
  readonly #bytes: number;
  readonly #part: PartialFile;
  readonly #digest: Digest;
  readonly #failing = new AbortController();
  readonly #signal: AbortSignal;
  readonly #errors: unknown[] = [];
  /** Bytes that are stored or being fetched. */
  readonly #claimed = new Ranges();
  readonly #workers: Promise<void>[] = [];
  #hasResponse = false;
  /** All bytes before it are hashed. */
  #hashed = 0;
  #hashing = false;

  constructor(
    download: Download,
    bytes: number,
    part: PartialFile,
    digest: Digest,
  ) {
    this.#download = download;
    this.#bytes = bytes;
    this.#part = part;
    this.#digest = digest;
    this.#signal = AbortSignal.any([download.signal, this.#failing.signal]);
    for (const [from, to] of part.have.spans) this.#claimed.add(from, to);
  }

  /** Resolves when the file is complete and verified. */
  async run(): Promise<void> {
    this.#workers.push(this.#fetchPieces());
    // The first response adds workers if the server supports ranges.
    for (const worker of this.#workers) await worker;
    if (this.#errors.length > 0) throw this.#errors[0];
    await this.#hashStored();
    if (this.#signal.aborted) throw loadAborted();
    this.#digest.verify(this.#download.location.path);
  }

  /** One connection. Never rejects. */
  async #fetchPieces(): Promise<void> {
    const { net, connections, location } = this.#download;
    const { path, url } = location;
    const target = { net, subject: path, url, signal: this.#signal };
    try {
      for (;;) {
        const piece = this.#claimPiece();
        if (piece === undefined) return;
        const range = () => `bytes=${nextByte(piece)}-${piece.to - 1}`;
        await connections.run(() =>
          request(
            target,
            () => ({ headers: { range: range() } }),
            (response) => this.#receive(piece, response),
            () => piece.at,
          ),
        );
        await this.#hashStored();
      }
    } catch (error) {
      this.#errors.push(error);
      this.#failing.abort();
    }
  }

  #claimPiece(): Piece | undefined {
    const gap = this.#claimed.gap(0, this.#bytes);
    if (gap === undefined) return undefined;
    const [at, end] = gap;
    const to = Math.min(end, at + this.#download.net.rangeBytes);
    this.#claimed.add(at, to);
    return { at, to };
  }

  async #receive(piece: Piece, response: HttpResponse): Promise<void> {
    const { location, file, onReceived, onStored } = this.#download;
    checkResponse(location, response);
    const start = bodyStart(location, file, response, nextByte(piece));
    let at = start;
    if (!this.#hasResponse) this.#onFirstResponse(response, piece);
    for await (const chunk of response.chunks) {
      onReceived(chunk.length);
      this.#accept(chunk, at, piece);
      onStored(this.#part.have.size);
      await this.#part.commitIfDue();
      at += chunk.length;
      if (at > this.#bytes) {
        const why = `it has at least ${at} bytes instead of ${this.#bytes}`;
        throw corrupt(location.path, why);
      }
      // The rest of a full response, which other connections fetch.
      if (piece.at >= piece.to && piece.to < this.#bytes) return;
    }
    if (piece.at >= piece.to) return;
    if (at === start) throw noBytes();
    const why = `it ends after ${at} of ${this.#bytes} bytes`;
    // A server with a shorter file does not promise the whole range.
    const kind = response.status === 206 ? "bad-answer" : "short";
    throw new TransientError(kind, why);
  }

  #onFirstResponse({ status }: HttpResponse, piece: Piece): void {
    this.#hasResponse = true;
    if (status === 206) {
      const others = this.#download.connections.limit - 1;
      for (let i = 0; i < others; i++) this.#workers.push(this.#fetchPieces());
    } else {
      // Without ranges each further request would start at 0.
      this.#claimed.add(piece.at, this.#bytes);
      piece.to = this.#bytes;
    }
  }

  /** Writes the bytes of a chunk that are missing and within the piece. */
  #accept(chunk: Uint8Array<ArrayBuffer>, at: number, piece: Piece): void {
    const end = Math.min(at + chunk.length, piece.to);
    for (let from = Math.max(at, piece.at); ;) {
      const gap = this.#part.have.gap(from, end);
      if (gap === undefined) break;
      const bytes = chunk.subarray(gap[0] - at, gap[1] - at);
      this.#part.write(bytes, gap[0]);
      if (gap[0] === this.#hashed && !this.#hashing) {
        this.#digest.update(bytes);
        this.#hashed = gap[1];
      }
      from = gap[1];
    }
    piece.at = Math.max(piece.at, end);
  }

  /** Hashes bytes that arrived out of order or in an earlier session. */
  async #hashStored(): Promise<void> {
    if (!this.#digest.enabled || this.#hashing) return;
    this.#hashing = true;
    try {
      const block = new Uint8Array(HASH_BLOCK);
      for (;;) {
        const to = this.#part.have.endOf(this.#hashed);
        const size = Math.min(HASH_BLOCK, to - this.#hashed);
        if (size <= 0 || this.#signal.aborted) return;
        const count = await this.#part.read(
          block.subarray(0, size),
          this.#hashed,
        );
        if (count === 0) {
          const { path } = this.#download.location;
          throw corrupt(path, "the copy on this disk is truncated");
        }
        this.#digest.update(block.subarray(0, count));
        this.#hashed += count;
        // Hashing a gigabyte takes seconds.
        await nextTask();
      }
    } finally {
      this.#hashing = false;
    }
  }
}
