/** A file that one writer has opened exclusively: the part of a
 * `FileSystemSyncAccessHandle` that the store uses. */
export interface DiskFile {
  getSize(): number;
  /** The number of bytes read. */
  read(
    into: Uint8Array<ArrayBuffer>,
    options: { readonly at: number },
  ): number | Promise<number>;
  /**
   * The number of bytes written.
   * @throws QuotaExceededError when the disk is full
   */
  write(
    bytes: Uint8Array<ArrayBuffer>,
    options: { readonly at: number },
  ): number;
  truncate(size: number): void;
  /** Everything written so far is on the disk when it returns. */
  flush(): void;
  close(): void;
}

/** A flat directory: the origin private file system, or memory. */
export interface Disk {
  /** Creates the file if it does not exist. */
  open(name: string): Promise<DiskFile>;
  /** A snapshot, unreadable once the file is changed or deleted. */
  blob(name: string): Promise<Blob | undefined>;
  /** Does nothing if the file does not exist. */
  remove(name: string): Promise<void>;
  names(): Promise<string[]>;
  /** Bytes that can still be written; undefined if unknown. */
  free(): Promise<number | undefined>;
}
