/**
 * Where a model's files come from and are kept: a hub, any server, or a folder
 * of this machine. What is handed out was checked, and lies on disk.
 */
import type { ModelSource, StoredModel } from "../../src/shared/models";
import { Channel } from "./channel";
import { LocalFolder } from "./local-folder";
import { ownLocks, webLocks } from "./locks";
import { memoryDisk } from "./memory";
import type { ModelFolder } from "./model-folder";
import { openKept, openRemote } from "./open";
import { openOpfs } from "./opfs";
import { realNet } from "./request";
import { Store } from "./store";

let opened: Promise<Store> | undefined;

function theStore(): Promise<Store> {
  return (opened ??= openStore());
}

async function openStore(): Promise<Store> {
  const kept = await openOpfs("fast-vlm");
  const disk = kept ?? memoryDisk();
  // Memory is this worker's own; and where a site embedded in another may keep
  // nothing, it is refused locks, too.
  const shared = kept !== undefined && "locks" in navigator;
  const locks = shared ? webLocks(navigator.locks) : ownLocks();
  const channel = new Channel(new BroadcastChannel("fast-vlm"));
  const store = new Store(realNet, disk, locks, channel);
  // What was in use when it was deleted.
  await store.sweep();
  return store;
}

export async function openFolder(
  source: ModelSource,
  signal: AbortSignal,
): Promise<ModelFolder> {
  if (source.kind === "folder") {
    return LocalFolder.open(source.name, source.files);
  }
  return openRemote(await theStore(), source, signal);
}

/**
 * The commit of a hub's branch that was kept before the one that `openFolder`
 * gives, while that is not yet whole: a way on when it cannot be had.
 */
export async function openEarlier(
  source: ModelSource,
): Promise<ModelFolder | undefined> {
  if (source.kind === "folder") return undefined;
  return openKept(await theStore(), source);
}

/** Every model of which something is kept in this browser. */
export async function storedModels(): Promise<StoredModel[]> {
  return (await theStore()).list();
}

/**
 * Deletes what is kept of a model. Where it is being downloaded that ends; where
 * it is loaded it goes on running, and its files go when it is released.
 */
export async function removeModel(key: string): Promise<void> {
  await (await theStore()).remove(key);
}
