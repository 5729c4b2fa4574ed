import { readAll, type Directory, type DiskFile } from "./disk";
import { decodeLines, encodeLine } from "./journal";
import { Ranges, type Span } from "./ranges";
import { bytesOf } from "../util/read-blob";

/** Of the time, a disk may take one part in so many for flushing. */
const SHARE = 10;

/** A span of bytes that is on disk, or the size of a file that was checked. */
type Entry = Span | { readonly verified: number };

const logOf = (key: string) => `${key}.log`;

/** What is kept of a file. */
export interface Kept {
  readonly bytes: number;
  /** All of it, and it was checked. */
  readonly blob?: Blob;
}

/**
 * A file that is being kept, and the log of which of its bytes are on disk. The
 * log is written after the bytes were flushed: what it names is there, whenever
 * the tab dies. Bytes that it does not name do not count.
 */
export class PartialFile {
  readonly have = new Ranges();
  readonly #data: DiskFile;
  readonly #log: DiskFile;
  #logEnd = 0;
  /** When to log next. */
  #due: number;
  readonly #pending = new Ranges();

  /** ms between two writes of the log. */
  readonly #pause: number;

  private constructor(data: DiskFile, log: DiskFile, pause: number) {
    this.#data = data;
    this.#log = log;
    this.#pause = pause;
    this.#due = performance.now() + pause;
  }

  static async open(
    files: Directory,
    key: string,
    pause: number,
  ): Promise<PartialFile> {
    const data = await files.open(key);
    let log: DiskFile | undefined;
    try {
      log = await files.open(logOf(key));
      const part = new PartialFile(data, log, pause);
      const { entries, end } = decode(await readAll(log));
      for (const entry of entries) {
        if (!("verified" in entry)) part.have.add(entry[0], entry[1]);
      }
      part.#logEnd = end;
      // Someone else cut it: nothing of it can be trusted.
      if (part.have.end > data.size()) part.discard();
      return part;
    } catch (error) {
      log?.close();
      data.close();
      throw error;
    }
  }

  write(bytes: Uint8Array<ArrayBuffer>, at: number): void {
    this.#data.write(bytes, at);
    this.have.add(at, at + bytes.length);
    this.#pending.add(at, at + bytes.length);
    if (performance.now() >= this.#due) this.commit();
  }

  read(into: Uint8Array<ArrayBuffer>, at: number): Promise<number> {
    return this.#data.read(into, at);
  }

  /** Logs what was written. */
  commit(): void {
    if (this.#pending.size === 0) return;
    const before = performance.now();
    this.#data.flush();
    this.#append(this.#pending.spans);
    this.#pending.clear();
    const now = performance.now();
    this.#due = now + Math.max(this.#pause, SHARE * (now - before));
  }

  /** It is whole and what it should be. */
  markVerified(bytes: number): void {
    this.commit();
    this.#append([{ verified: bytes }]);
  }

  /** Forgets all of it; first in the log, so that no old byte counts. */
  discard(): void {
    this.#log.truncate(0);
    this.#log.flush();
    this.#logEnd = 0;
    this.#data.truncate(0);
    this.have.clear();
    this.#pending.clear();
  }

  close(): void {
    try {
      this.commit();
    } finally {
      this.#log.close();
      this.#data.close();
    }
  }

  #append(entries: readonly Entry[]): void {
    for (const entry of entries) {
      const line = encodeLine(entry);
      // Over what a crash may have left behind the last whole line.
      this.#log.write(line, this.#logEnd);
      this.#logEnd += line.length;
    }
    this.#log.truncate(this.#logEnd);
    this.#log.flush();
  }
}

function decode(bytes: Uint8Array) {
  const { values, end } = decodeLines(bytes);
  return { entries: values as Entry[], end };
}

/** Without opening it: what another tab is writing just now may be missed. */
export async function readKept(files: Directory, key: string): Promise<Kept> {
  const [log, blob] = [await files.blob(logOf(key)), await files.blob(key)];
  if (log === undefined || blob === undefined) return { bytes: 0 };
  let bytes: Uint8Array;
  try {
    bytes = await bytesOf(log);
  } catch {
    // Another tab wrote to it in between.
    return { bytes: 0 };
  }
  const have = new Ranges();
  for (const entry of decode(bytes).entries) {
    if ("verified" in entry) {
      if (blob.size === entry.verified) return { bytes: blob.size, blob };
    } else {
      have.add(entry[0], entry[1]);
    }
  }
  return { bytes: Math.min(have.size, blob.size) };
}

/** The log goes first, as in `discard`. */
export async function removeKept(files: Directory, key: string): Promise<void> {
  await files.remove(logOf(key));
  await files.remove(key);
}

/** The keys of all files of which something is kept. */
export async function keptKeys(files: Directory): Promise<Set<string>> {
  const names = await files.names();
  return new Set(names.map((name) => name.replace(/\.log$/, "")));
}
