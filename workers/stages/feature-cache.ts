import type { EncodedImage } from "../backends/backend";
import type { Tensor } from "../ort/tensor";

const MAX_IMAGES = 8;
const MAX_BYTES = 32 * 2 ** 20;

interface Entry {
  readonly image: EncodedImage;
  readonly bytes: number;
  /** Whether it outlives the current request. */
  keep: boolean;
}

/** Owns image features: those of the current request and the most recent of
 * earlier ones. */
export class FeatureCache {
  /** In order of use, the latest last. */
  readonly #entries = new Map<string, Entry>();

  get(key: string): EncodedImage | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return entry.image;
  }

  /** Takes ownership of the features. */
  add(key: string, features: readonly Tensor[], keep: boolean): EncodedImage {
    const image = { key, features };
    const bytes = features.reduce((sum, tensor) => sum + bytesOf(tensor), 0);
    this.#entries.set(key, { image, bytes, keep });
    return image;
  }

  /** Drops the image at the end of the current request. */
  release(key: string): void {
    const entry = this.#entries.get(key);
    if (entry !== undefined) entry.keep = false;
  }

  /** At the end of a request: drops what is released, then the least recently
   * used beyond the limits. */
  trim(): void {
    let count = 0;
    let held = 0;
    for (const [key, { bytes, keep }] of [...this.#entries].reverse()) {
      const fits = count < MAX_IMAGES && held + bytes <= MAX_BYTES;
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
    for (const tensor of entry?.image.features ?? []) tensor.dispose();
  }
}

function bytesOf({ size, type }: Tensor): number {
  return size * (type === "float16" ? 2 : 4);
}
