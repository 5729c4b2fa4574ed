/** Opens the folder of a model: on a hub, on any server, or on this machine. */
import type { ModelSource } from "../../src/shared/models";
import { Channel } from "./channel";
import { database, type Database } from "./database";
import { hasCode } from "./errors";
import { FileResolver } from "./file-resolver";
import type { Listing } from "./listing";
import { LocalFolder } from "./local-folder";
import { webLocks, workerLocks } from "./locks";
import type { ModelFolder } from "./model-folder";
import type { ModelRecord } from "./model-index";
import { RemoteFolder } from "./remote-folder";
import { realNet, type Net } from "./request";
import { modelKey, requestListing, type RemoteSource } from "./source";
import { memoryStorage, openStorage } from "./storage";
import { Store } from "./store";

let opening: Promise<Store> | undefined;

/** The store of this worker. */
export function openStore(): Promise<Store> {
  return (opening ??= newStore(realNet, database, "fast-vlm"));
}

/** A store whose OPFS folder and channel have this name. */
export async function newStore(
  net: Net,
  database: Database,
  name: string,
): Promise<Store> {
  const storage = await openStorage(name, database);
  // Memory belongs to this worker; and a partitioned frame may have no locks.
  const shared = storage !== undefined && "locks" in navigator;
  const locks = shared ? webLocks(navigator.locks) : workerLocks();
  const channel = new Channel(new BroadcastChannel(name));
  const store = new Store(net, storage ?? memoryStorage(), locks, channel);
  // Deletes files that were in use when their model was deleted.
  await store.sweep();
  return store;
}

/** The folder as its server lists it, or as last listed if that fails. */
export async function openFolder(
  store: Store,
  source: ModelSource,
  signal: AbortSignal,
): Promise<ModelFolder> {
  if (source.kind === "folder") {
    return LocalFolder.open(source.name, source.files);
  }
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

/**
 * The older, stored commit of a hub's branch, to fall back on if the newer one,
 * which `openFolder` opens, cannot be downloaded. Undefined if there is none.
 */
export async function openPreviousFolder(
  store: Store,
  source: ModelSource,
): Promise<ModelFolder | undefined> {
  if (source.kind === "folder") return undefined;
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
