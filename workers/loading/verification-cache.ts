import { database } from "../store/database";
import { KeyValueStore, environmentKey } from "../store/key-value-store";
import type { LoadPlan } from "./load-plan";
import { filesOf } from "./model-metadata";

export interface VerificationResult {
  /** The reference's tokens for the test image. */
  readonly tokens: readonly number[];
  /** Why the WebGPU backend is rejected without another try. */
  readonly rejection?: string;
}

export const verificationCache = new KeyValueStore<VerificationResult>(
  database.table("verifications"),
  32,
);

/**
 * Identifies everything a verification depends on: the model's files and dtypes,
 * the test image's size, and the environment. Undefined where the hash of a file
 * is not known.
 */
export async function verificationKey(
  { metadata, graphs, info, gpu }: LoadPlan,
  size: number,
): Promise<string | undefined> {
  const files = filesOf(metadata, info.dtypes);
  if (files.some((file) => file.sha256 === undefined)) return undefined;
  const isListed = (name: string): boolean =>
    files.some(({ path }) => path.endsWith(`/${name}`));
  for (const { graph } of Object.values(graphs)) {
    if (!graph.externalFiles.every(isListed)) return undefined;
  }
  const hashes = files.map(({ path, sha256 }) => [path, sha256]);
  return environmentKey(gpu?.device, hashes, size);
}
