import type { Disk, DiskFile } from "./disk";
import { isNamed } from "./errors";

/** ms to wait for a locked file: a closed or crashed tab holds its file locks a
 * moment longer. */
const LOCK_TIMEOUT = 5000;

class OpfsDisk implements Disk {
  readonly #directory: FileSystemDirectoryHandle;

  constructor(directory: FileSystemDirectoryHandle) {
    this.#directory = directory;
  }

  async open(name: string): Promise<DiskFile> {
    const file = await this.#directory.getFileHandle(name, { create: true });
    const start = performance.now();
    for (;;) {
      try {
        return await file.createSyncAccessHandle();
      } catch (error) {
        const locked = isNamed(error, "NoModificationAllowedError");
        if (!locked || performance.now() - start > LOCK_TIMEOUT) throw error;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  }

  async blob(name: string): Promise<Blob | undefined> {
    try {
      const file = await this.#directory.getFileHandle(name);
      return await file.getFile();
    } catch (error) {
      if (isNamed(error, "NotFoundError")) return undefined;
      throw error;
    }
  }

  async remove(name: string): Promise<void> {
    try {
      await this.#directory.removeEntry(name);
    } catch (error) {
      if (!isNamed(error, "NotFoundError")) throw error;
    }
  }

  async names(): Promise<string[]> {
    const names: string[] = [];
    for await (const name of this.#directory.keys()) names.push(name);
    return names;
  }

  async free(): Promise<number | undefined> {
    const { quota, usage } = await navigator.storage.estimate();
    if (quota === undefined || usage === undefined) return undefined;
    return Math.max(0, quota - usage);
  }
}

/** @throws where the browser has no such file system or denies access to it */
export async function openOpfs(name: string): Promise<Disk> {
  const root = await navigator.storage.getDirectory();
  const top = await root.getDirectoryHandle(name, { create: true });
  // Some private windows have directories, but no files in them.
  (await new OpfsDisk(top).open("probe")).close();
  return new OpfsDisk(await top.getDirectoryHandle("files", { create: true }));
}
