import type { GraphDtypes } from "../../src/shared/models";
import { environmentKey } from "../ort/environment-key";
import { database } from "../store/database";
import { hashOf, KeyValueStore } from "../store/key-value-store";
import type { Gpu } from "../ort/device";
import { filesOf, type ModelMetadata } from "./model-metadata";
import { knownAnswers } from "./known-answers";

export interface VerificationResult {
  /** The reference's tokens for the test image. */
  readonly tokens: readonly number[];
  /** The backend has passed every test. */
  readonly verified?: boolean;
  /** Why the backend is rejected without another try. */
  readonly rejection?: string;
}

const results = new KeyValueStore<VerificationResult>(
  database.table("verifications"),
  32,
);

/** Everything a verification depends on. */
export interface VerificationSubject {
  readonly metadata: ModelMetadata;
  readonly dtypes: GraphDtypes;
  /** Paths of external data under other names than the usual. */
  readonly external: readonly string[];
  readonly gpu: Gpu | undefined;
}

/** What earlier loads, on this machine or elsewhere, know about a model. */
export interface Verification {
  /** Undefined if nothing is known. */
  readonly result: VerificationResult | undefined;
  /** Whether a backend of our own probably opens without the reference. */
  readonly isPromising: boolean;
  /** Identifies the files, the adapter, the browser and the build. Undefined where
   * results cannot be kept. */
  readonly key: string | undefined;
  set(result: VerificationResult): Promise<void>;
}

/**
 * The result of an earlier verification of these files here, else the tokens that are
 * published with this build for models with this content.
 */
export async function findVerification(
  subject: VerificationSubject,
  signal: AbortSignal,
): Promise<Verification> {
  const content = await verifiedContent(subject, signal);
  const isKnown = content.every(([, identity]) => identity !== undefined);
  const device = subject.gpu?.device;
  const key = isKnown ? await environmentKey(device, content) : undefined;
  const kept = key === undefined ? undefined : await results.get(key);
  const tokens = knownAnswers.get(await hashOf(content));
  const set = async (result: VerificationResult): Promise<void> => {
    if (key !== undefined) await results.set(key, result);
  };
  const result = kept ?? (tokens && { tokens });
  const isPromising = result !== undefined && result.rejection === undefined;
  return { result, isPromising, key, set };
}

/** The files of a model, and what identifies their content. */
export async function verifiedContent(
  { metadata, dtypes, external }: Omit<VerificationSubject, "gpu">,
  signal: AbortSignal,
): Promise<readonly (readonly [path: string, identity: string | undefined])[]> {
  const files = filesOf(metadata, dtypes).map(({ path }) => path);
  const paths = [...new Set([...files, ...external])].sort();
  const identities = await metadata.folder.identify(paths, signal);
  return paths.map((path) => [path, identities.get(path)]);
}
