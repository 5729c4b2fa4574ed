import type { Disk, DiskFile } from "./disk";
import { bytesOf } from "../util/read-blob";

/** Bytes per page. A full page becomes a Blob, which the browser may move to
 * the disk, so that little of a large file stays in memory. */
const PAGE = 4 * 1024 * 1024;

class MemoryFile implements DiskFile {
  #pages: (Blob | Uint8Array<ArrayBuffer>)[] = [];
  /** Bytes written to each page; each byte is written once. */
  #written: number[] = [];
  #size = 0;

  getSize(): number {
    return this.#size;
  }

  async read(
    into: Uint8Array<ArrayBuffer>,
    { at }: { readonly at: number },
  ): Promise<number> {
    const end = Math.min(at + into.length, this.#size);
    let done = at;
    while (done < end) {
      const page = this.#pages[Math.floor(done / PAGE)] ?? new Uint8Array();
      const from = done % PAGE;
      const part = page.slice(from, from + end - done);
      const bytes = part instanceof Blob ? await bytesOf(part) : part;
      if (bytes.length === 0) break;
      into.set(bytes, done - at);
      done += bytes.length;
    }
    return Math.max(0, done - at);
  }

  write(
    bytes: Uint8Array<ArrayBuffer>,
    { at }: { readonly at: number },
  ): number {
    for (let done = 0; done < bytes.length;) {
      const index = Math.floor((at + done) / PAGE);
      const offset = (at + done) % PAGE;
      const part = bytes.subarray(done, done + PAGE - offset);
      const page = this.#page(index, offset + part.length);
      page.set(part, offset);
      const written = (this.#written[index] ?? 0) + part.length;
      this.#written[index] = written;
      if (written === PAGE) this.#pages[index] = new Blob([page]);
      done += part.length;
    }
    this.#size = Math.max(this.#size, at + bytes.length);
    return bytes.length;
  }

  truncate(size: number): void {
    const last = Math.floor(size / PAGE);
    this.#pages.length = Math.min(this.#pages.length, last + 1);
    this.#written.length = this.#pages.length;
    const page = this.#pages[last];
    if (page !== undefined) {
      this.#pages[last] = page.slice(0, size % PAGE);
      this.#written[last] = size % PAGE;
    }
    this.#size = Math.min(this.#size, size);
  }

  flush(): void {
    // There is nothing to flush to.
  }

  close(): void {
    // The file stays in the map.
  }

  blob(): Blob {
    return new Blob(this.#pages).slice(0, this.#size);
  }

  /** The page, grown to at least `size` bytes. */
  #page(index: number, size: number): Uint8Array<ArrayBuffer> {
    const page = this.#pages[index] ?? new Uint8Array();
    if (page instanceof Blob)
      throw new RangeError(
        "Cannot write to a page of memory that is already full.",
      );
    if (page.length >= size) return page;
    const grown = new Uint8Array(
      Math.min(PAGE, Math.max(size, 2 * page.length)),
    );
    grown.set(page);
    return (this.#pages[index] = grown);
  }
}

/** For browsers without a private file system: lost with the worker. */
export class MemoryDisk implements Disk {
  readonly #files = new Map<string, MemoryFile>();

  open(name: string): Promise<DiskFile> {
    const file = this.#files.get(name) ?? new MemoryFile();
    this.#files.set(name, file);
    return Promise.resolve(file);
  }

  blob(name: string): Promise<Blob | undefined> {
    return Promise.resolve(this.#files.get(name)?.blob());
  }

  remove(name: string): Promise<void> {
    this.#files.delete(name);
    return Promise.resolve();
  }

  names(): Promise<string[]> {
    return Promise.resolve([...this.#files.keys()]);
  }

  free(): Promise<undefined> {
    return Promise.resolve(undefined);
  }
}
