import type { Table } from "../database";
import type { Disk, DiskFile } from "../disk";
import type { JournalEntry } from "../partial-file";
import type { ModelRecord } from "../model-index";
import { Ranges } from "../ranges";
import type { ModelStorage } from "../storage";

type Bytes = Uint8Array<ArrayBuffer>;

/** A file as programs see it, and as it is after a crash. */
class CrashFile {
  current: Bytes = new Uint8Array();
  flushed: Bytes = new Uint8Array();
  open = false;
}

/** The disk as one tab sees it. */
class TabDisk implements Disk {
  readonly #disk: CrashDisk;
  readonly #life: number;

  constructor(disk: CrashDisk) {
    this.#disk = disk;
    this.#life = disk.life;
  }

  async open(name: string): Promise<DiskFile> {
    await this.#alive();
    const file = this.#disk.files.get(name) ?? new CrashFile();
    if (file.open) throw new DOMException(name, "NoModificationAllowedError");
    file.open = true;
    this.#disk.files.set(name, file);
    return new Handle(file, this.#disk);
  }

  async blob(name: string): Promise<Blob | undefined> {
    await this.#alive();
    const file = this.#disk.files.get(name);
    return file && new Blob([file.current]);
  }

  async remove(name: string): Promise<void> {
    await this.#alive();
    if (this.#disk.files.get(name)?.open === true) {
      throw new DOMException(name, "NoModificationAllowedError");
    }
    this.#disk.files.delete(name);
  }

  async names(): Promise<string[]> {
    await this.#alive();
    return [...this.#disk.files.keys()];
  }

  free(): Promise<number> {
    return Promise.resolve(this.#disk.room);
  }

  #alive(): Promise<void> {
    return this.#disk.checkAlive(this.#life);
  }
}

/** A table as one tab sees it. */
class TabTable<T> implements Table<T> {
  readonly #records: Map<string, T>;
  readonly #disk: CrashDisk;
  readonly #life: number;

  constructor(records: Map<string, T>, disk: CrashDisk) {
    this.#records = records;
    this.#disk = disk;
    this.#life = disk.life;
  }

  async get(key: string): Promise<T | undefined> {
    await this.#alive();
    return this.#records.get(key);
  }

  put(key: string, value: T): Promise<void> {
    return this.#write(() => this.#records.set(key, structuredClone(value)));
  }

  delete(key: string): Promise<void> {
    return this.#write(() => this.#records.delete(key));
  }

  async entries(): Promise<Map<string, T>> {
    await this.#alive();
    return new Map(this.#records);
  }

  /** A write that is pending when the tab dies happens or does not. */
  async #write(write: () => void): Promise<void> {
    await this.#alive();
    this.#disk.pending.add(write);
    await new Promise((resolve) => setTimeout(resolve));
    await this.#alive();
    this.#disk.pending.delete(write);
    write();
  }

  #alive(): Promise<void> {
    return this.#disk.checkAlive(this.#life);
  }
}

class Handle implements DiskFile {
  readonly #file: CrashFile;
  readonly #disk: CrashDisk;
  #life: number;

  constructor(file: CrashFile, disk: CrashDisk) {
    this.#file = file;
    this.#disk = disk;
    this.#life = disk.life;
  }

  getSize(): number {
    return this.#file.current.length;
  }

  read(into: Bytes, { at }: { at: number }): Promise<number> {
    const part = this.#file.current.subarray(at, at + into.length);
    into.set(part);
    return Promise.resolve(part.length);
  }

  write(bytes: Bytes, { at }: { at: number }): number {
    if (this.#dead) return bytes.length;
    const end = at + bytes.length;
    this.#disk.spend(Math.max(0, end - this.getSize()));
    const grown = new Uint8Array(Math.max(end, this.getSize()));
    grown.set(this.#file.current);
    grown.set(bytes, at);
    this.#file.current = grown;
    return bytes.length;
  }

  truncate(size: number): void {
    if (this.#dead || size >= this.getSize()) return;
    this.#disk.spend(size - this.getSize());
    this.#file.current = this.#file.current.slice(0, size);
  }

  flush(): void {
    if (!this.#dead) this.#file.flushed = this.#file.current.slice();
  }

  close(): void {
    if (!this.#dead) this.#file.open = false;
    this.#life = -1;
  }

  /** The tab was closed or crashed. */
  get #dead(): boolean {
    return this.#life !== this.#disk.life;
  }
}

/** A storage in memory that can lose power, and can be full. */
export class CrashDisk {
  readonly files = new Map<string, CrashFile>();
  readonly journal = new Map<string, JournalEntry>();
  readonly models = new Map<string, ModelRecord>();
  /** Table writes whose transactions are not complete. */
  readonly pending = new Set<() => void>();
  /** Tabs opened before the last crash are dead. */
  life = 0;
  /** Bytes that can still be written. */
  room = Infinity;

  /** The storage as a tab that is opened now sees it. */
  tab(): ModelStorage {
    return {
      disk: new TabDisk(this),
      journal: new TabTable(this.journal, this),
      models: new TabTable(this.models, this),
    };
  }

  checkAlive(life: number): Promise<void> {
    if (life === this.life) return Promise.resolve();
    return Promise.reject(new DOMException("Dead", "InvalidStateError"));
  }

  spend(bytes: number): void {
    if (bytes > this.room) throw new DOMException("", "QuotaExceededError");
    this.room -= bytes;
  }

  /** The bytes of a file that the journal lists. */
  journaled(key: string): Ranges {
    const ranges = new Ranges();
    for (const [from, to] of this.journal.get(key)?.spans ?? []) {
      ranges.add(from, to);
    }
    return ranges;
  }

  /** Bytes that were not flushed are lost, or on the disk in part. */
  crash(random: () => number): void {
    this.life++;
    for (const write of this.pending) if (random() < 0.5) write();
    this.pending.clear();
    for (const file of this.files.values()) {
      file.open = false;
      file.current = torn(file.flushed, file.current, random);
      file.flushed = file.current.slice();
    }
  }
}

/** The flushed bytes, then some of the others, or zeros in their place. */
function torn(flushed: Bytes, current: Bytes, random: () => number): Bytes {
  const end = Math.floor(
    flushed.length + (current.length - flushed.length) * random(),
  );
  const found = current.slice(0, Math.max(end, 0));
  const from = Math.min(flushed.length, found.length);
  found.set(flushed.subarray(0, from));
  if (random() < 0.5) found.fill(0, from);
  return found;
}
