import type { Table } from "./database";
import type { Disk, DiskFile } from "./disk";
import { Ranges, type Span } from "./ranges";

/** After a write of the journal, the next one waits at least this many times as
 * long as the write took. */
const JOURNAL_SHARE = 10;

/** Which bytes of a file are on the disk. */
export interface JournalEntry {
  readonly spans: readonly Span[];
  /** Size of the complete file, once its hash was verified. */
  readonly verified?: number;
}

export interface FileStorage {
  readonly disk: Disk;
  /** By file key. */
  readonly journal: Table<JournalEntry>;
}

/**
 * A file that is being written. The journal is written after the bytes were
 * flushed, so that each span in it is on the disk whenever the tab dies. Bytes
 * outside the journal do not count.
 */
export class PartialFile {
  /** Bytes in the file. */
  readonly have = new Ranges();
  readonly #file: DiskFile;
  readonly #journal: FileStorage["journal"];
  readonly #key: string;
  /** ms between two journal entries. */
  readonly #pause: number;
  #nextCommit: number;
  #dirty = false;

  private constructor(
    file: DiskFile,
    journal: FileStorage["journal"],
    key: string,
    pause: number,
  ) {
    this.#file = file;
    this.#journal = journal;
    this.#key = key;
    this.#pause = pause;
    this.#nextCommit = performance.now() + pause;
  }

  static async open(
    { disk, journal }: FileStorage,
    key: string,
    pause: number,
  ): Promise<PartialFile> {
    const file = await disk.open(key);
    try {
      const part = new PartialFile(file, journal, key, pause);
      const entry = await journal.get(key);
      for (const [from, to] of entry?.spans ?? []) part.have.add(from, to);
      // The file was truncated or deleted by something else.
      if (part.have.end > file.getSize()) await part.discard();
      return part;
    } catch (error) {
      file.close();
      throw error;
    }
  }

  write(bytes: Uint8Array<ArrayBuffer>, at: number): void {
    for (let done = 0; done < bytes.length;) {
      const count = this.#file.write(bytes.subarray(done), { at: at + done });
      // A full disk may accept a part of the bytes, then none.
      if (count === 0) throw new DOMException("Full", "QuotaExceededError");
      done += count;
    }
    this.have.add(at, at + bytes.length);
    this.#dirty = true;
  }

  async read(into: Uint8Array<ArrayBuffer>, at: number): Promise<number> {
    return this.#file.read(into, { at });
  }

  /** Journals the written bytes if the last entry is old enough. */
  async commitIfDue(): Promise<void> {
    if (performance.now() < this.#nextCommit) return;
    this.#nextCommit = Infinity;
    const start = performance.now();
    await this.#commit();
    const end = performance.now();
    this.#nextCommit =
      end + Math.max(this.#pause, JOURNAL_SHARE * (end - start));
  }

  /** Journals the file as complete and correct. */
  markVerified(bytes: number): Promise<void> {
    this.#dirty = true;
    return this.#commit({ verified: bytes });
  }

  /** Drops all bytes: first from the journal, so that no old byte counts. */
  async discard(): Promise<void> {
    this.have.clear();
    this.#dirty = false;
    await this.#journal.delete(this.#key);
    this.#file.truncate(0);
  }

  async close(): Promise<void> {
    try {
      await this.#commit();
    } finally {
      this.#file.close();
    }
  }

  async #commit(verified: Pick<JournalEntry, "verified"> = {}): Promise<void> {
    if (!this.#dirty) return;
    this.#dirty = false;
    try {
      this.#file.flush();
      const { spans } = this.have;
      await this.#journal.put(this.#key, { spans, ...verified });
    } catch (error) {
      this.#dirty = true;
      throw error;
    }
  }
}
