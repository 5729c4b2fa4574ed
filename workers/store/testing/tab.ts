import { afterAll, beforeAll, vi } from "vitest";
import { Channel } from "../channel";
import { workerLocks } from "../locks";
import type { Net } from "../request";
import { memoryStorage, type ModelStorage } from "../storage";
import { Store } from "../store";

/** Node's navigator has no `onLine`. */
export function beOnline(): void {
  beforeAll(() => {
    vi.stubGlobal("navigator", { onLine: true });
  });
  afterAll(() => {
    vi.unstubAllGlobals();
  });
}

/** The store of a tab that is opened now. */
export function openTab(
  net: Net,
  storage: ModelStorage = memoryStorage(),
): Store {
  return new Store(net, storage, workerLocks(), new Channel(undefined));
}
