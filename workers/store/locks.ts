/** Who may do what, among all tabs of this site. */
export interface Locks {
  /** Waits until nobody else has `name`, then works alone with it. */
  alone<T>(
    name: string,
    work: () => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T>;
  /** Works only if nobody has `name` now; tells whether it did. */
  ifFree(name: string, work: () => Promise<void>): Promise<boolean>;
  /** Has `name` together with others, until the returned function is called. */
  share(name: string): Promise<() => void>;
}

export function webLocks(manager: LockManager): Locks {
  return {
    alone: async (name, work, signal) => {
      const options = signal === undefined ? {} : { signal };
      return await manager.request(name, options, work);
    },
    ifFree: async (name, work) =>
      await manager.request(name, { ifAvailable: true }, async (lock) => {
        if (lock !== null) await work();
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

/** Where there are no Web Locks: between the loads of this worker only. */
export function ownLocks(): Locks {
  const last = new Map<string, Promise<void>>();
  const holders = new Map<string, number>();
  const hold = (name: string, by: number) => {
    holders.set(name, (holders.get(name) ?? 0) + by);
  };
  const alone: Locks["alone"] = async (name, work, signal) => {
    const before = last.get(name) ?? Promise.resolve();
    let release = (): void => undefined;
    const turn = new Promise<void>((resolve) => {
      release = resolve;
    });
    hold(name, 1);
    last.set(
      name,
      before.then(() => turn),
    );
    try {
      await before;
      signal?.throwIfAborted();
      return await work();
    } finally {
      hold(name, -1);
      release();
    }
  };
  return {
    alone,
    ifFree: async (name, work) => {
      if ((holders.get(name) ?? 0) > 0) return false;
      await alone(name, work);
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
