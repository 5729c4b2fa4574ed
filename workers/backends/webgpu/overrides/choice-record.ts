import { database } from "../../../store/database";
import {
  KeyValueStore,
  environmentKey,
  hashOf,
} from "../../../store/key-value-store";
import { RUNTIME, type Command } from "../../../ort/capture";
import type { Operation } from "./operation";

/** What a trial found for one kind of work. */
export interface Choice {
  /** Ours where it is right and quicker. */
  readonly by: "ours" | "theirs";
  /** Milliseconds: the runtime's, and the quickest of ours. */
  readonly theirs: number;
  readonly ours: number;
  /** The quickest of ours. */
  readonly kernel: string;
  /** Why there is none, or what is wrong with it. */
  readonly fault?: string;
}

type Choices = Readonly<Record<string, Choice>>;

const cache = new KeyValueStore<Choices>(database.table("kernels"), 8);
const records = new WeakMap<GPUDevice, ChoiceRecord>();

/** What trials on an adapter found, in earlier loads and in this one. */
export class ChoiceRecord {
  readonly #key: string;
  readonly #old: Choices;
  readonly #added = new Map<string, Choice>();
  #saved = 0;

  constructor(key: string, old: Choices) {
    this.#key = key;
    this.#old = old;
  }

  find(work: string): Choice | undefined {
    return this.#old[work] ?? this.#added.get(work);
  }

  /** A trial that came to no end is not recorded. */
  add(work: string, choice: Choice): void {
    const ended = Number.isFinite(choice.ours);
    if (ended) this.#added.set(work, choice);
  }

  /** Keeps what was added, beside what other pages have found meanwhile. */
  async save(): Promise<void> {
    if (this.#saved === this.#added.size) return;
    this.#saved = this.#added.size;
    const others = await cache.get(this.#key);
    const added = Object.fromEntries(this.#added);
    await cache.set(this.#key, { ...others, ...added });
  }

  /** Whether there was anything of earlier loads to be forgotten. */
  async forget(): Promise<boolean> {
    await cache.delete(this.#key);
    return Object.keys(this.#old).length > 0;
  }
}

/** From now on `device` tries nothing that is on record under `key`. */
export async function useRecord(device: GPUDevice, key: string): Promise<void> {
  records.set(device, new ChoiceRecord(key, (await cache.get(key)) ?? {}));
}

/** Undefined where every kind of work is to be tried. */
export function recordOf(device: GPUDevice): ChoiceRecord | undefined {
  return records.get(device);
}

/** A name for all that choices depend on but the work; undefined where they
 * are not to be kept. */
export function choicesKey(device: GPUDevice): Promise<string | undefined> {
  return environmentKey(device, RUNTIME);
}

/** A name for a kind of work: the runtime's shaders for it, and all of ours. */
export function workOf(
  { kind, type, variants }: Operation,
  commands: readonly Command[],
  limits: GPUSupportedLimits,
): Promise<string> {
  const theirs = commands.map(({ shader }) => shader.code);
  const ours = variants(limits).map(({ family, kernel }) => [family, kernel]);
  return hashOf(kind, type, theirs, ours);
}
