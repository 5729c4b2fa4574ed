import type { Directory, Disk, DiskFile } from "../disk";
import { decodeLines } from "../journal";
import { Ranges } from "../ranges";

type Bytes = Uint8Array<ArrayBuffer>;

/** A file as the programs see it, and as it would be found after a crash. */
class CrashFile {
  current: Bytes = new Uint8Array();
  safe: Bytes = new Uint8Array();
  open = false;
}

/** A directory as one tab sees it. */
class TabDirectory implements Directory {
  readonly #files: Map<string, CrashFile>;
  readonly #disk: CrashDisk;
  readonly #life: number;

  constructor(files: Map<string, CrashFile>, disk: CrashDisk) {
    this.#files = files;
    this.#disk = disk;
    this.#life = disk.life;
  }

  async open(name: string): Promise<DiskFile> {
    await this.#alive();
    const file = this.#files.get(name) ?? new CrashFile();
    if (file.open) throw new DOMException(name, "NoModificationAllowedError");
    file.open = true;
    this.#files.set(name, file);
    return new Handle(file, this.#disk);
  }

  async blob(name: string): Promise<Blob | undefined> {
    await this.#alive();
    const file = this.#files.get(name);
    return file && new Blob([file.current]);
  }

  async remove(name: string): Promise<void> {
    await this.#alive();
    if (this.#files.get(name)?.open === true) {
      throw new DOMException(name, "NoModificationAllowedError");
    }
    this.#files.delete(name);
  }

  async names(): Promise<string[]> {
    await this.#alive();
    return [...this.#files.keys()];
  }

  /** In a tab that is gone nothing goes on. */
  #alive(): Promise<void> {
    if (this.#life === this.#disk.life) return Promise.resolve();
    return Promise.reject(new DOMException("Gone", "InvalidStateError"));
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

  size(): number {
    return this.#file.current.length;
  }

  read(into: Bytes, at: number): Promise<number> {
    const part = this.#file.current.subarray(at, at + into.length);
    into.set(part);
    return Promise.resolve(part.length);
  }

  write(bytes: Bytes, at: number): void {
    if (this.#dead) return;
    const end = at + bytes.length;
    this.#disk.spend(Math.max(0, end - this.size()));
    const grown = new Uint8Array(Math.max(end, this.size()));
    grown.set(this.#file.current);
    grown.set(bytes, at);
    this.#file.current = grown;
  }

  truncate(size: number): void {
    if (this.#dead || size >= this.size()) return;
    this.#disk.spend(size - this.size());
    this.#file.current = this.#file.current.slice(0, size);
  }

  flush(): void {
    if (!this.#dead) this.#file.safe = this.#file.current.slice();
  }

  close(): void {
    if (!this.#dead) this.#file.open = false;
    this.#life = -1;
  }

  /** Of a tab that is gone. */
  get #dead(): boolean {
    return this.#life !== this.#disk.life;
  }
}

/** A disk in memory that can lose power, and can be full. */
export class CrashDisk {
  readonly files = new Map<string, CrashFile>();
  readonly models = new Map<string, CrashFile>();
  life = 0;
  room = Infinity;

  /** As a tab that is opened now sees it. */
  tab(): Disk {
    return {
      files: new TabDirectory(this.files, this),
      models: new TabDirectory(this.models, this),
      free: () => Promise.resolve(this.room),
    };
  }

  spend(bytes: number): void {
    if (bytes > this.room) throw new DOMException("", "QuotaExceededError");
    this.room -= bytes;
  }

  /** Which bytes of a file its log names. */
  logged(key: string): Ranges {
    const ranges = new Ranges();
    const log = this.files.get(`${key}.log`)?.current ?? new Uint8Array();
    for (const value of decodeLines(log).values) {
      if (Array.isArray(value)) ranges.add(Number(value[0]), Number(value[1]));
    }
    return ranges;
  }

  /** What was not flushed is lost: cut off, or only in part on the disk. */
  crash(random: () => number): void {
    this.life++;
    for (const file of [...this.files.values(), ...this.models.values()]) {
      file.open = false;
      file.current = torn(file.safe, file.current, random);
      file.safe = file.current.slice();
    }
  }
}

/** The flushed bytes, and the others up to some point; zeroes in between. */
function torn(safe: Bytes, current: Bytes, random: () => number): Bytes {
  const end = Math.floor(
    safe.length + (current.length - safe.length) * random(),
  );
  const found = current.slice(0, Math.max(end, 0));
  const from = Math.min(safe.length, found.length);
  found.set(safe.subarray(0, from));
  if (random() < 0.5) found.fill(0, from);
  return found;
}
