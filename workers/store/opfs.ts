import type { Directory, Disk, DiskFile } from "./disk";
import { isNamed } from "./errors";

/** A tab that was closed or crashed holds its files for a moment longer. */
const PATIENCE = 5000;

class OpfsFile implements DiskFile {
  readonly #handle: FileSystemSyncAccessHandle;

  constructor(handle: FileSystemSyncAccessHandle) {
    this.#handle = handle;
  }

  size(): number {
    return this.#handle.getSize();
  }

  read(into: Uint8Array<ArrayBuffer>, at: number): Promise<number> {
    return Promise.resolve(this.#handle.read(into, { at }));
  }

  write(bytes: Uint8Array<ArrayBuffer>, at: number): void {
    for (let done = 0; done < bytes.length;) {
      const count = this.#handle.write(bytes.subarray(done), { at: at + done });
      // A full disk may take a part, then nothing.
      if (count === 0) throw new DOMException("Full", "QuotaExceededError");
      done += count;
    }
  }

  truncate(size: number): void {
    this.#handle.truncate(size);
  }

  flush(): void {
    this.#handle.flush();
  }

  close(): void {
    this.#handle.close();
  }
}

class OpfsDirectory implements Directory {
  readonly #handle: FileSystemDirectoryHandle;

  constructor(handle: FileSystemDirectoryHandle) {
    this.#handle = handle;
  }

  async open(name: string): Promise<DiskFile> {
    const file = await this.#handle.getFileHandle(name, { create: true });
    const since = performance.now();
    for (;;) {
      try {
        return new OpfsFile(await file.createSyncAccessHandle());
      } catch (error) {
        const taken = isNamed(error, "NoModificationAllowedError");
        if (!taken || performance.now() - since > PATIENCE) throw error;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  }

  async blob(name: string): Promise<Blob | undefined> {
    try {
      const file = await this.#handle.getFileHandle(name);
      return await file.getFile();
    } catch (error) {
      if (isNamed(error, "NotFoundError")) return undefined;
      throw error;
    }
  }

  async remove(name: string): Promise<void> {
    try {
      await this.#handle.removeEntry(name);
    } catch (error) {
      if (!isNamed(error, "NotFoundError")) throw error;
    }
  }

  async names(): Promise<string[]> {
    const names: string[] = [];
    for await (const name of this.#handle.keys()) names.push(name);
    return names;
  }
}

/** Undefined where the browser has none or does not let this page at it. */
export async function openOpfs(folder: string): Promise<Disk | undefined> {
  try {
    const root = await navigator.storage.getDirectory();
    const top = await root.getDirectoryHandle(folder, { create: true });
    const open = async (name: string) =>
      new OpfsDirectory(await top.getDirectoryHandle(name, { create: true }));
    const [files, models] = [await open("files"), await open("models")];
    // Some private windows have folders, but no files in them.
    (await new OpfsDirectory(top).open("probe")).close();
    return { files, models, free };
  } catch {
    return undefined;
  }
}

async function free(): Promise<number | undefined> {
  const { quota, usage } = await navigator.storage.estimate();
  if (quota === undefined || usage === undefined) return undefined;
  return Math.max(0, quota - usage);
}
