import { openDB, type IDBPDatabase, type IDBPObjectStore } from "idb";

/** Records by key. */
export interface Table<T> {
  get(key: string): Promise<T | undefined>;
  /** Atomic; the record is on the disk when it resolves. */
  put(key: string, value: T): Promise<void>;
  delete(key: string): Promise<void>;
  entries(): Promise<Map<string, T>>;
}

const tableNames = [
  "journal",
  "models",
  "verifications",
  "kernels",
  "checks",
] as const;

type TableName = (typeof tableNames)[number];

type WritableStore = IDBPObjectStore<
  unknown,
  [TableName],
  TableName,
  "readwrite"
>;

/** An IndexedDB database, opened when it is first used. */
export class Database {
  readonly #name: string;
  #connection: Promise<IDBPDatabase> | undefined;

  constructor(name: string) {
    this.#name = name;
  }

  /** @throws where the browser has no IndexedDB or denies access to it */
  async open(): Promise<IDBPDatabase> {
    const connection = (this.#connection ??= this.#connect());
    try {
      return await connection;
    } catch (error) {
      // The next call tries again.
      if (this.#connection === connection) this.#connection = undefined;
      throw error;
    }
  }

  async #connect(): Promise<IDBPDatabase> {
    return await openDB(this.#name, 2, {
      upgrade: (database) => {
        const existing = database.objectStoreNames;
        for (const name of tableNames) {
          if (!existing.contains(name)) database.createObjectStore(name);
        }
      },
      // A tab with a newer version waits for this connection to close.
      blocking: (_current, _blocked, event) => {
        (event.target as IDBDatabase).close();
        this.#connection = undefined;
      },
      // The user cleared the site's data, or the browser lost the database.
      terminated: () => {
        this.#connection = undefined;
      },
    });
  }

  table<T>(name: TableName): Table<T> {
    const write = async (
      request: (store: WritableStore) => Promise<unknown>,
    ): Promise<void> => {
      const database = await this.open();
      // Strict: if a delete were lost, the entry would remain for bytes that are no
      // longer on the disk.
      const transaction = database.transaction(name, "readwrite", {
        durability: "strict",
      });
      await Promise.all([request(transaction.store), transaction.done]);
    };
    return {
      get: async (key) =>
        (await (await this.open()).get(name, key)) as T | undefined,
      put: (key, value) => write((store) => store.put(value, key)),
      delete: (key) => write((store) => store.delete(key)),
      entries: async () => {
        const { store } = (await this.open()).transaction(name);
        const [keys, values] = await Promise.all([
          store.getAllKeys() as Promise<string[]>,
          store.getAll() as Promise<T[]>,
        ]);
        return new Map(values.map((value, i) => [keys[i] as string, value]));
      },
    };
  }
}

/** Everything that is stored in this browser, except the model files. */
export const database = new Database("fast-vlm");

/** For browsers without IndexedDB: lost with the worker. */
export function memoryTable<T>(): Table<T> {
  const records = new Map<string, T>();
  return {
    get: (key) => Promise.resolve(records.get(key)),
    put: (key, value) => {
      records.set(key, value);
      return Promise.resolve();
    },
    delete: (key) => {
      records.delete(key);
      return Promise.resolve();
    },
    entries: () => Promise.resolve(new Map(records)),
  };
}
