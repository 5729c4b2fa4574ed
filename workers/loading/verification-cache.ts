import { siblingPath } from "../onnx/external-data";
import { environmentKey } from "../ort/environment-key";
import { database } from "../store/database";
import { KeyValueStore } from "../store/key-value-store";
import type { LoadPlan } from "./load-plan";
import { filesOf } from "./model-metadata";

export interface VerificationResult {
  /** The reference's tokens for the test image. */
  readonly tokens: readonly number[];
  /** The WebGPU backend has passed every test. */
  readonly verified?: boolean;
  /** Why the WebGPU backend is rejected without another try. */
  readonly rejection?: string;
}

export const verificationCache = new KeyValueStore<VerificationResult>(
  database.table("verifications"),
  32,
);

/**
 * Identifies everything a verification depends on: the model's files and dtypes,
 * the test image's size, and the environment. Undefined where the content of a
 * file cannot be identified.
 */
export async function verificationKey(
  { metadata, graphs, info, gpu }: LoadPlan,
  size: number,
  signal: AbortSignal,
): Promise<string | undefined> {
  const files = filesOf(metadata, info.dtypes).map(({ path }) => path);
  const external = Object.values(graphs).flatMap(({ graph }) =>
    graph.externalFiles.map((name) => siblingPath(graph.file, name)),
  );
  const paths = [...new Set([...files, ...external])].sort();
  const identities = await metadata.folder.identify(paths, signal);
  if (identities.size < paths.length) return undefined;
  const content = paths.map((path) => [path, identities.get(path)]);
  return environmentKey(gpu?.device, content, size);
}
