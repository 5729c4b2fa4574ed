import { afterAll, beforeAll, vi } from "vitest";
import { Channel } from "../channel";
import type { Disk } from "../disk";
import { ownLocks } from "../locks";
import { memoryDisk } from "../memory";
import type { Net } from "../request";
import { Store } from "../store";

/** Node does not say whether it is online. */
export function beOnline(): void {
  beforeAll(() => {
    vi.stubGlobal("navigator", { onLine: true });
  });
  afterAll(() => {
    vi.unstubAllGlobals();
  });
}

/** The store as a tab that is opened now has it. */
export function openTab(net: Net, disk: Disk = memoryDisk()): Store {
  return new Store(net, disk, ownLocks(), new Channel(undefined));
}
