import type { LocalFile } from "../../index";

/** Missing in lib.dom. */
declare global {
  interface Window {
    showDirectoryPicker?: () => Promise<FileSystemDirectoryHandle>;
  }
}

/** Maximum depth of folders that are read. */
const maxDepth = 4;

/** Files of the folder that the user picks; undefined if the user cancels. */
export async function pickFolder(
  pick: () => Promise<FileSystemDirectoryHandle>,
): Promise<LocalFile[] | undefined> {
  try {
    const folder = await pick();
    return await readHandle(folder, folder.name);
  } catch (thrown) {
    const { name } = thrown as DOMException;
    if (name === "AbortError") return undefined;
    throw thrown;
  }
}

async function readHandle(
  folder: FileSystemDirectoryHandle,
  path: string,
  levels = maxDepth,
): Promise<LocalFile[]> {
  const files: LocalFile[] = [];
  for await (const [name, handle] of folder.entries()) {
    if (isHidden(name)) continue;
    const below = `${path}/${name}`;
    if (handle instanceof FileSystemFileHandle) {
      files.push({ path: below, file: await handle.getFile() });
    } else if (levels > 1 && handle instanceof FileSystemDirectoryHandle) {
      files.push(...(await readHandle(handle, below, levels - 1)));
    }
  }
  return files;
}

/** The first dropped folder. Call it before any `await` in the event handler. */
export function droppedFolder(
  items: DataTransferItemList | undefined,
): FileSystemDirectoryEntry | undefined {
  const entries = [...(items ?? [])].map((item) => item.webkitGetAsEntry());
  return entries.find(
    (entry): entry is FileSystemDirectoryEntry => entry?.isDirectory === true,
  );
}

export async function readEntry(
  folder: FileSystemDirectoryEntry,
  path = folder.name,
  levels = maxDepth,
): Promise<LocalFile[]> {
  const files: LocalFile[] = [];
  const reader = folder.createReader();
  for (;;) {
    // Each call returns a batch; an empty one is the end.
    const entries = await new Promise<FileSystemEntry[]>((resolve, reject) =>
      reader.readEntries(resolve, reject),
    );
    if (entries.length === 0) return files;
    for (const entry of entries) {
      if (isHidden(entry.name)) continue;
      const below = `${path}/${entry.name}`;
      if (entry.isFile) {
        const file = await new Promise<File>((resolve, reject) =>
          (entry as FileSystemFileEntry).file(resolve, reject),
        );
        files.push({ path: below, file });
      } else if (levels > 1) {
        const inner = entry as FileSystemDirectoryEntry;
        files.push(...(await readEntry(inner, below, levels - 1)));
      }
    }
  }
}

/** Skips `.git` and similar folders with thousands of files. */
function isHidden(name: string): boolean {
  return name.startsWith(".");
}
