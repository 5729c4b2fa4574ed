import { memoryTable, type Database, type Table } from "./database";
import { MemoryDisk } from "./memory-disk";
import type { ModelRecord } from "./model-index";
import { openOpfs } from "./opfs-disk";
import type { FileStorage } from "./partial-file";

/** Where models are kept: files on a disk, records in tables. */
export interface ModelStorage extends FileStorage {
  readonly models: Table<ModelRecord>;
}

/** OPFS and IndexedDB; undefined where the browser lacks or denies either. */
export async function openStorage(
  name: string,
  database: Database,
): Promise<ModelStorage | undefined> {
  try {
    const [disk] = await Promise.all([openOpfs(name), database.open()]);
    return {
      disk,
      journal: database.table("journal"),
      models: database.table("models"),
    };
  } catch {
    return undefined;
  }
}

/** Lost with the worker. */
export function memoryStorage(): ModelStorage {
  return {
    disk: new MemoryDisk(),
    journal: memoryTable(),
    models: memoryTable(),
  };
}
