import { isCode } from "./errors";
import type { Listing } from "./listing";
import { FileResolver } from "./file-resolver";
import type { ModelRecord } from "./model-index";
import { RemoteFolder } from "./remote-folder";
import { keyOf, listFiles, type RemoteSource } from "./source";
import type { Store } from "./store";

/** The folder as its server lists it now; as it was, if nobody answers. */
export async function openRemote(
  store: Store,
  source: RemoteSource,
  signal: AbortSignal,
): Promise<RemoteFolder> {
  const model = await keyOf(source);
  const record = await store.record(model);
  const fresh = await freshListing(store, source, record, signal);
  // The first one can be started, if any can.
  const kept = record?.listings[0];
  const listing = fresh ?? kept;
  if (listing === undefined) throw new RangeError("Neither is there.");
  if (fresh !== undefined && fresh.whole)
    await store.save(model, source, fresh);
  const offline = fresh === undefined;
  const lookup = new FileResolver(store, model, source, listing, offline);
  return new RemoteFolder(store, model, lookup);
}

/** The older of two listings, as it is kept. */
export async function openKept(
  store: Store,
  source: RemoteSource,
): Promise<RemoteFolder | undefined> {
  const model = await keyOf(source);
  const [first, second] = (await store.record(model))?.listings ?? [];
  if (first === undefined || second === undefined) return undefined;
  const lookup = new FileResolver(store, model, source, first, true);
  return new RemoteFolder(store, model, lookup);
}

/** Undefined if nobody answers and there is a kept one. */
async function freshListing(
  store: Store,
  source: RemoteSource,
  record: ModelRecord | undefined,
  signal: AbortSignal,
): Promise<Listing | undefined> {
  const last = record?.listings.at(-1);
  // A commit never changes.
  const pinned = source.kind === "hub" && source.revision === last?.commit;
  if (pinned && last.whole) return last;
  try {
    const hasty = last !== undefined;
    const listing = await listFiles(store.net, source, signal, hasty);
    // What is known of a folder without a list is asked for again, file by file.
    const known = !listing.whole && last?.whole === false ? last.files : {};
    return { ...listing, files: { ...known, ...listing.files } };
  } catch (error) {
    const down = isCode(error, "offline") || isCode(error, "download-failed");
    if (last !== undefined && down) return undefined;
    throw error;
  }
}
