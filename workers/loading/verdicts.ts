import { sha256 } from "hash-wasm";
import type { Plan } from "./plan";
import { filesOf } from "./survey";

/** What came of comparing the paths of a model on this machine. */
export interface Verdict {
  /** What the plain path says of the picture of the trial. */
  readonly tokens: readonly number[];
  /** Why the fast path is not to be tried again. */
  readonly against?: string;
}

const CACHE = "fast-vlm verdicts";
/** Older ones are forgotten. */
const MAX_VERDICTS = 32;

/**
 * A name for everything that a verdict depends on: these files in these dtypes,
 * this adapter, this browser, this build of ours. Undefined where nobody tells
 * the hash of a file, and while we are being worked on.
 */
export async function verdictKey(
  { found, graphs, info, gpu }: Plan,
  side: number,
): Promise<string | undefined> {
  // Served as it is written, a change of ours changes no name.
  if (import.meta.env.DEV) return undefined;
  const files = filesOf(found, info.dtypes);
  if (files.some((file) => file.sha256 === undefined)) return undefined;
  const isListed = (name: string): boolean =>
    files.some(({ path }) => path.endsWith(`/${name}`));
  for (const { graph } of graphs.values()) {
    if (!graph.externalFiles.every(isListed)) return undefined;
  }
  const { vendor, architecture, device, description } =
    gpu?.device.adapterInfo ?? {};
  const features = [...(gpu?.device.features ?? [])].sort();
  const facts = [
    files.map(({ path, sha256 }) => [path, sha256]),
    [vendor, architecture, device, description, features],
    // The build is told by the hash in the name of its own file, or by itself.
    [side, navigator.userAgent, import.meta.url, import.meta.env.BUILD],
  ];
  return sha256(JSON.stringify(facts));
}

/** Nothing, too, where the browser keeps nothing. */
export async function recall(key: string): Promise<Verdict | undefined> {
  try {
    const cache = await caches.open(CACHE);
    const found = await cache.match(urlOf(key));
    return (await found?.json()) as Verdict | undefined;
  } catch {
    return undefined;
  }
}

export async function remember(key: string, verdict: Verdict): Promise<void> {
  try {
    const cache = await caches.open(CACHE);
    await cache.put(urlOf(key), Response.json(verdict));
    const old = (await cache.keys()).slice(0, -MAX_VERDICTS);
    for (const each of old) await cache.delete(each);
  } catch {
    // The next load compares again.
  }
}

/** The cache knows things by URLs; nobody asks this one for anything. */
function urlOf(key: string): string {
  return new URL(`/verdicts/${key}`, origin).href;
}
