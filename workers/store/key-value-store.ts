import { sha256 } from "hash-wasm";

/** Never the base of a `new URL`: bundlers would look for that file. */
const US = import.meta.url;

/** What was found out about this machine and need not be found out again. */
export class KeyValueStore<T> {
  readonly #name: string;
  readonly #most: number;

  /** Of more than `most` the older ones are forgotten. */
  constructor(name: string, most: number) {
    this.#name = name;
    this.#most = most;
  }

  /** Nothing, too, where the browser keeps nothing. */
  async recall(key: string): Promise<T | undefined> {
    try {
      const cache = await caches.open(this.#name);
      const found = await cache.match(urlOf(key));
      return (await found?.json()) as T | undefined;
    } catch {
      return undefined;
    }
  }

  async remember(key: string, what: T): Promise<void> {
    try {
      const cache = await caches.open(this.#name);
      await cache.put(urlOf(key), Response.json(what));
      const old = (await cache.keys()).slice(0, -this.#most);
      for (const each of old) await cache.delete(each);
    } catch {
      // The next load finds out again.
    }
  }

  async forget(key: string): Promise<void> {
    try {
      await (await caches.open(this.#name)).delete(urlOf(key));
    } catch {
      // Nothing was kept.
    }
  }
}

/**
 * A name for `facts`, this adapter, this browser and this build of ours.
 * Undefined while we are being worked on.
 */
export async function environmentKey(
  device: GPUDevice | undefined,
  ...facts: readonly unknown[]
): Promise<string | undefined> {
  // Served as it is written, a change of ours changes no name.
  if (import.meta.env.DEV) return undefined;
  const { vendor, architecture, description } = device?.adapterInfo ?? {};
  const adapter = [vendor, architecture, device?.adapterInfo.device];
  const features = [...(device?.features ?? [])].sort();
  // The build is told by the hash in the name of its own file, or by itself.
  const us = [navigator.userAgent, US, import.meta.env.BUILD];
  return nameOf(facts, [...adapter, description, features], us);
}

/** Of the same facts always the same. */
export function nameOf(...facts: readonly unknown[]): Promise<string> {
  return sha256(JSON.stringify(facts));
}

/** The cache knows things by URLs; nobody asks this one for anything. */
function urlOf(key: string): string {
  return `${origin}/memo/${key}`;
}
