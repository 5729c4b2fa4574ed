import { aborted, isCode } from "./errors";
import { storeFile } from "./store-file";
import type { Found, FileResolver } from "./file-resolver";
import type { ProgressMeter } from "./progress";
import { Semaphore } from "./semaphore";
import { modelLock, type Store } from "./store";

/** Connections at once; browsers allow six to an HTTP/1.1 host. */
const CONNECTIONS = 4;
/** ms after which a wait for another tab is told. */
const NOTICE = 100;
const TICK = 1000;

/** Works when no other tab downloads the model; meanwhile shows how far that
 * one is. */
export async function inTurn(
  store: Store,
  model: string,
  meter: ProgressMeter,
  signal: AbortSignal,
  work: () => Promise<void>,
): Promise<void> {
  const deaf = store.channel.listen((news) => {
    if (news.type !== "progress" || news.model !== model) return;
    meter.told(news.here, news.rate);
  });
  const notice = setTimeout(() => {
    meter.wait(true);
  }, NOTICE);
  // Also when nothing comes: then the rate is 0.
  const ticks = setInterval(() => {
    meter.flush();
  }, TICK);
  const stop = (): void => {
    clearTimeout(notice);
    deaf();
  };
  try {
    await store.locks.alone(
      modelLock(model),
      () => {
        stop();
        meter.wait(false);
        return work();
      },
      signal,
    );
  } finally {
    stop();
    clearInterval(ticks);
  }
}

/** Brings files side by side. The first failure ends the others, which keep
 * what they have. */
export async function bring(
  store: Store,
  lookup: FileResolver,
  files: readonly Found[],
  meter: ProgressMeter,
  signal: AbortSignal,
): Promise<void> {
  const failing = new AbortController();
  const either = AbortSignal.any([signal, failing.signal]);
  const [open, connections] = [
    new Semaphore(CONNECTIONS),
    new Semaphore(CONNECTIONS),
  ];
  const errors: unknown[] = [];
  const work = async (file: Found): Promise<void> => {
    try {
      await open.use(() =>
        bringOne(store, lookup, file, connections, meter, either),
      );
    } catch (error) {
      errors.push(error);
      failing.abort();
    }
  };
  await Promise.all(files.map(work));
  if (errors.length > 0) throw errors[0];
}

async function bringOne(
  store: Store,
  lookup: FileResolver,
  file: Found,
  slots: Semaphore,
  meter: ProgressMeter,
  signal: AbortSignal,
): Promise<void> {
  const { path } = file;
  const { net, disk } = store;
  const listener = {
    received: (bytes: number) => {
      meter.received(bytes);
    },
    kept: (bytes: number) => {
      meter.kept(path, bytes);
    },
  };
  const attempt = ({ fact, url, key }: Found): Promise<void> => {
    meter.expect(path, fact.bytes);
    const remote = { path, fact, url, place: lookup.listing.name };
    const job = { net, remote, slots, listener, signal };
    return store.withFile(key, signal, () => storeFile(disk.files, key, job));
  };
  try {
    if (signal.aborted) throw aborted();
    await attempt(file);
  } catch (error) {
    if (!isCode(error, "model-corrupt")) throw error;
    // Something on the way may have spoiled it, or it is a new one by now.
    lookup.forget(path);
    const [again] = await lookup.find([path], signal);
    if (again === undefined) throw error;
    await attempt(again);
  }
}
