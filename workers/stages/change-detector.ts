import type { Tensor } from "../ort/tensor";

/** How far the pixels of a picture are from the last ones it was told to keep:
 * the largest mean difference of a tile; infinite if they cannot be compared. */
export interface FrameDiff {
  measure(pixels: Tensor): Promise<number>;
  keep(pixels: Tensor): void;
  dispose(): void;
}

/**
 * Tells frames that show what the last encoded one did. They are compared with
 * that one and not with each other, so that slow changes add up.
 */
export class ChangeDetector {
  readonly #meter: FrameDiff;
  #key: string | undefined;

  constructor(meter: FrameDiff) {
    this.#meter = meter;
  }

  /** The key of the last picture if `pixels` differ less than `threshold`. */
  async sameAs(pixels: Tensor, threshold: number): Promise<string | undefined> {
    if (this.#key === undefined) return undefined;
    const change = await this.#meter.measure(pixels);
    return change < threshold ? this.#key : undefined;
  }

  /** `pixels` were encoded as the picture of that key. */
  keep(pixels: Tensor, key: string): void {
    this.#meter.keep(pixels);
    this.#key = key;
  }

  dispose(): void {
    this.#meter.dispose();
  }
}
