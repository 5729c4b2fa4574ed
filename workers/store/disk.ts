/** Where files are kept: the browser's private file system, or memory. */

/** A file opened by one writer; every other writer is kept out. */
export interface DiskFile {
  size(): number;
  /** Resolves with how many bytes there were. */
  read(into: Uint8Array<ArrayBuffer>, at: number): Promise<number>;
  /** Throws a `QuotaExceededError` if there is no room. */
  write(bytes: Uint8Array<ArrayBuffer>, at: number): void;
  truncate(size: number): void;
  /** What was written is on the disk when it returns. */
  flush(): void;
  close(): void;
}

export interface Directory {
  /** Makes it if it is not there. */
  open(name: string): Promise<DiskFile>;
  /** As it is now; a later change or deletion makes it unreadable. */
  blob(name: string): Promise<Blob | undefined>;
  /** Nothing happens if it is not there. */
  remove(name: string): Promise<void>;
  names(): Promise<string[]>;
}

export interface Disk {
  readonly files: Directory;
  readonly models: Directory;
  /** Bytes that may still be written; absent if nobody tells. */
  free(): Promise<number | undefined>;
}

/** All of a small file. */
export async function readAll(
  file: DiskFile,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(file.size());
  const count = await file.read(bytes, 0);
  return bytes.subarray(0, count);
}
