/** The way to a model's files: on a hub, on any server, or in a local folder. */
import type { ModelSource, StoredModel } from "../../src/shared/models";
import { Channel } from "./channel";
import { database } from "./database";
import { hasCode } from "./errors";
import { FileResolver } from "./file-resolver";
import type { Listing } from "./listing";
import { LocalFolder } from "./local-folder";
import { webLocks, workerLocks } from "./locks";
import type { ModelFolder } from "./model-folder";
import type { ModelRecord } from "./model-index";
import { RemoteFolder } from "./remote-folder";
import { realNet } from "./request";
import { modelKey, requestListing, type RemoteSource } from "./source";
import { memoryStorage, openStorage } from "./storage";
import { Store } from "./store";

let opening: Promise<Store> | undefined;

function sharedStore(): Promise<Store> {
  return (opening ??= openStore());
}

async function openStore(): Promise<Store> {
  const storage = await openStorage("fast-vlm", database);
  // Memory belongs to this worker; and a partitioned frame may have no locks.
  const shared = storage !== undefined && "locks" in navigator;
  const locks = shared ? webLocks(navigator.locks) : workerLocks();
  const channel = new Channel(new BroadcastChannel("fast-vlm"));
  const store = new Store(realNet, storage ?? memoryStorage(), locks, channel);
  // Deletes files that were in use when their model was deleted.
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
  return openRemoteFolder(await sharedStore(), source, signal);
}

/**
 * The older, stored commit of a hub's branch, to fall back on if the newer one,
 * which `openFolder` opens, cannot be downloaded. Undefined if there is none.
 */
export async function openPreviousFolder(
  source: ModelSource,
): Promise<ModelFolder | undefined> {
  if (source.kind === "folder") return undefined;
  return openPreviousRemoteFolder(await sharedStore(), source);
}

/** Every model of which any bytes are stored in this browser. */
export async function storedModels(): Promise<StoredModel[]> {
  return (await sharedStore()).list();
}

/** Deletes a stored model; files of a loaded one are deleted on release. */
export async function removeModel(key: string): Promise<void> {
  await (await sharedStore()).remove(key);
}

/** The folder as its server lists it, or as last listed if that fails. */
export async function openRemoteFolder(
  store: Store,
  source: RemoteSource,
  signal: AbortSignal,
): Promise<RemoteFolder> {
  const model = await modelKey(source);
  const record = await store.record(model);
  const current = await currentListing(store, source, record, signal);
  if (current?.complete) await store.addListing(model, source, current);
  // Of two listings only the first is completely stored.
  const listing = current ?? record?.listings[0];
  if (listing === undefined) throw new Error("No listing is stored.");
  const offline = current === undefined;
  const resolver = new FileResolver(store, model, source, listing, offline);
  return new RemoteFolder(store, model, resolver);
}

/** The older of two recorded listings, from the storage only. */
export async function openPreviousRemoteFolder(
  store: Store,
  source: RemoteSource,
): Promise<RemoteFolder | undefined> {
  const model = await modelKey(source);
  const [first, second] = (await store.record(model))?.listings ?? [];
  if (first === undefined || second === undefined) return undefined;
  const resolver = new FileResolver(store, model, source, first, true);
  return new RemoteFolder(store, model, resolver);
}

/** Undefined if the server fails and a listing is recorded. */
async function currentListing(
  { net }: Store,
  source: RemoteSource,
  record: ModelRecord | undefined,
  signal: AbortSignal,
): Promise<Listing | undefined> {
  const last = record?.listings.at(-1);
  // A commit is immutable.
  const pinned = source.kind === "hub" && source.revision === last?.commit;
  if (pinned && last.complete) return last;
  try {
    const hasFallback = last !== undefined;
    const listing = await requestListing(source, { net, signal, hasFallback });
    if (listing.complete || last === undefined || last.complete) return listing;
    // Recorded files stay listed until each is requested again.
    return { ...listing, files: { ...last.files, ...listing.files } };
  } catch (error) {
    const down = hasCode(error, "offline") || hasCode(error, "download-failed");
    if (last !== undefined && down) return undefined;
    throw error;
  }
}
