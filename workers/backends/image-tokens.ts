import type { GenerateOptions } from "../../src/shared/protocol";
import type { Tensor } from "../ort/tensor";
import { tileCount } from "../stages/tiling";

/** Pixels that become one image token, along each side. */
export const PATCH = 64;

/** FastViTHD and its projector, whichever way they run. */
export interface Encoder {
  /** [1, 3, side, side] → [1, image tokens, hidden], the caller's to dispose.
   * May reject with `Stopped` when the signal is aborted. */
  encode(pixels: Tensor, signal?: AbortSignal): Promise<Tensor>;
  release(): Promise<void>;
}

export function imageTokensForSize(side: number): number {
  return (side / PATCH) ** 2;
}

/** Of one picture, all its views together. */
export function imageTokenCount(
  options: Pick<GenerateOptions, "anyres" | "size">,
): number {
  return tileCount(options) * imageTokensForSize(options.size);
}
