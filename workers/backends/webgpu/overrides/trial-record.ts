import { database } from "../../../store/database";
import { KeyValueStore, hashOf } from "../../../store/key-value-store";
import type { Command } from "../../../ort/command-recorder";
import { environmentKey } from "../../../ort/environment-key";
import { ORT_VERSION } from "../../../ort/record-graph";
import type { Operation } from "./operation";

/** The result of trying our kernels for one kind of operation. */
export interface TrialResult {
  /** `kernel` if one of our kernels is correct and faster than ORT's. */
  readonly faster: "kernel" | "ort";
  /** NaN if there was no trial. */
  readonly ortMs: number;
  /** Of the fastest of our kernels. */
  readonly kernelMs: number;
  /** Label of the fastest of our kernels; empty if there was no trial. */
  readonly kernel: string;
  /** Why there was no trial, or how the kernel is wrong. */
  readonly fault?: string;
}

type TrialResults = Readonly<Record<string, TrialResult>>;

const store = new KeyValueStore<TrialResults>(database.table("kernels"), 8);
const records = new WeakMap<GPUDevice, TrialRecord>();

/** Results of trials on an adapter, of earlier loads and of this one. */
class TrialRecord {
  readonly #key: string;
  readonly #earlier: TrialResults;
  readonly #added = new Map<string, TrialResult>();
  #saved = 0;

  constructor(key: string, earlier: TrialResults) {
    this.#key = key;
    this.#earlier = earlier;
  }

  find(operation: string): TrialResult | undefined {
    return this.#earlier[operation] ?? this.#added.get(operation);
  }

  /** Ignores a trial that was not finished. */
  add(operation: string, result: TrialResult): void {
    if (Number.isFinite(result.kernelMs)) this.#added.set(operation, result);
  }

  /** Merges the added results into the stored ones, which other pages may have
   * changed meanwhile. */
  async save(): Promise<void> {
    if (this.#saved === this.#added.size) return;
    this.#saved = this.#added.size;
    const others = await store.get(this.#key);
    const added = Object.fromEntries(this.#added);
    await store.set(this.#key, { ...others, ...added });
  }

  /** Deletes the stored results. Resolves with whether there were any of earlier
   * loads. */
  async forget(): Promise<boolean> {
    await store.delete(this.#key);
    return Object.keys(this.#earlier).length > 0;
  }
}

/** Loads the results stored under `key` for trials on `device`. */
export async function useTrialRecord(
  device: GPUDevice,
  key: string,
): Promise<void> {
  const earlier = (await store.get(key)) ?? {};
  records.set(device, new TrialRecord(key, earlier));
}

/** Undefined if the trials on `device` are not recorded. */
export function trialRecordOf(device: GPUDevice): TrialRecord | undefined {
  return records.get(device);
}

/** Identifies everything outside the operation that trials depend on; undefined
 * if results must not be stored. */
export function trialRecordKey(device: GPUDevice): Promise<string | undefined> {
  return environmentKey(device, ORT_VERSION);
}

/** Identifies a kind of operation by ORT's shaders and all of our kernels for
 * it. */
export function operationKey(
  { kind, type, variants }: Operation,
  commands: readonly Command[],
  limits: GPUSupportedLimits,
): Promise<string> {
  const shaders = commands.map(({ shader }) => shader.code);
  const kernels = variants(limits).map(({ family, kernel }) => [
    family,
    kernel,
  ]);
  return hashOf(kind, type, shaders, kernels);
}
