/** Named locks, among all tabs of this site. */
export interface Locks {
  /** Waits for an exclusive lock and holds it during `task`. */
  exclusive<T>(
    name: string,
    task: () => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T>;
  /** Runs `task` only if nobody holds the lock; resolves with whether it ran. */
  ifFree(name: string, task: () => Promise<void>): Promise<boolean>;
  /** Takes a shared lock; resolves with the function that releases it. */
  share(name: string): Promise<() => void>;
}

export function webLocks(manager: LockManager): Locks {
  return {
    exclusive: async (name, task, signal) => {
      const options = signal === undefined ? {} : { signal };
      return await manager.request(name, options, task);
    },
    ifFree: async (name, task) =>
      await manager.request(name, { ifAvailable: true }, async (lock) => {
        if (lock !== null) await task();
        return lock !== null;
      }),
    share: (name) =>
      new Promise((resolve, reject) => {
        const held = manager.request(
          name,
          { mode: "shared" },
          () =>
            new Promise<void>((release) => {
              resolve(release);
            }),
        );
        held.catch(reject);
      }),
  };
}

/** For browsers without Web Locks: locks within this worker. */
export function workerLocks(): Locks {
  const last = new Map<string, Promise<void>>();
  const holders = new Map<string, number>();
  const holdersOf = (name: string): number => holders.get(name) ?? 0;
  const hold = (name: string, by: number): void => {
    holders.set(name, holdersOf(name) + by);
  };
  const exclusive: Locks["exclusive"] = async (name, task, signal) => {
    const previous = last.get(name) ?? Promise.resolve();
    let release = (): void => undefined;
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    hold(name, 1);
    last.set(
      name,
      previous.then(() => released),
    );
    try {
      await previous;
      signal?.throwIfAborted();
      return await task();
    } finally {
      hold(name, -1);
      release();
    }
  };
  return {
    exclusive,
    ifFree: async (name, task) => {
      if (holdersOf(name) > 0) return false;
      await exclusive(name, task);
      return true;
    },
    share: (name) => {
      hold(name, 1);
      let held = true;
      return Promise.resolve(() => {
        if (held) hold(name, -1);
        held = false;
      });
    },
  };
}
