import { KeyValueStore, environmentKey } from "../store/key-value-store";
import type { LoadPlan } from "./plan";
import { filesOf } from "./model-metadata";

/** What came of comparing the paths of a model on this machine. */
export interface VerificationResult {
  /** What the plain path says of the picture of the trial. */
  readonly tokens: readonly number[];
  /** Why the fast path is not to be tried again. */
  readonly against?: string;
}

export const verificationCache = new KeyValueStore<VerificationResult>(
  "fast-vlm verdicts",
  32,
);

/**
 * A name for everything that a verdict depends on: these files in these dtypes,
 * and what `memoKey` counts in. Undefined where nobody tells the hash of a file.
 */
export async function verificationKey(
  { found, graphs, info, gpu }: LoadPlan,
  side: number,
): Promise<string | undefined> {
  const files = filesOf(found, info.dtypes);
  if (files.some((file) => file.sha256 === undefined)) return undefined;
  const isListed = (name: string): boolean =>
    files.some(({ path }) => path.endsWith(`/${name}`));
  for (const { graph } of graphs.values()) {
    if (!graph.externalFiles.every(isListed)) return undefined;
  }
  const hashes = files.map(({ path, sha256 }) => [path, sha256]);
  return environmentKey(gpu?.device, hashes, side);
}
