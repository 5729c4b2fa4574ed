import type { EncodedImage } from "../backends/backend";
import type { Tensor } from "../ort/tensor";

/** The features of the last few pictures, for questions that come again. */
const MAX_PICTURES = 8;
const MAX_BYTES = 32 * 2 ** 20;

interface Entry {
  readonly picture: EncodedImage;
  readonly bytes: number;
  /** Whether it outlives the run that needs it. */
  keep: boolean;
}

/** Owns the features of pictures, those of the present run and some of before. */
export class FeatureCache {
  /** The one used last comes last. */
  readonly #entries = new Map<string, Entry>();

  get(key: string): EncodedImage | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return entry.picture;
  }

  /** Takes the features over. */
  add(key: string, features: readonly Tensor[], keep: boolean): EncodedImage {
    const picture = { key, features };
    const bytes = features.reduce((sum, tensor) => sum + bytesOf(tensor), 0);
    this.#entries.set(key, { picture, bytes, keep });
    return picture;
  }

  /** That picture is good for the present run only, from now on. */
  letGo(key: string): void {
    const entry = this.#entries.get(key);
    if (entry !== undefined) entry.keep = false;
  }

  /** Between two runs: lets go of what is not kept, and the oldest of the rest
   * until it is little enough. */
  trim(): void {
    let count = 0;
    let held = 0;
    for (const [key, { bytes, keep }] of [...this.#entries].reverse()) {
      const fits = count < MAX_PICTURES && held + bytes <= MAX_BYTES;
      if (keep && fits) {
        count += 1;
        held += bytes;
      } else {
        this.#drop(key);
      }
    }
  }

  dispose(): void {
    for (const key of this.#entries.keys()) this.#drop(key);
  }

  #drop(key: string): void {
    const entry = this.#entries.get(key);
    this.#entries.delete(key);
    for (const tensor of entry?.picture.features ?? []) tensor.dispose();
  }
}

function bytesOf({ size, type }: Tensor): number {
  return size * (type === "float16" ? 2 : 4);
}
