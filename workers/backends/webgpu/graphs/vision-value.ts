import type { Layer } from "./vision-layers";
import type { Constant } from "./vision-tensor";
import type { View } from "./vision-view";

/** What a graph computes of pixels, as its reshapes and slices show it. */
export interface Features {
  readonly layer: Layer;
  readonly view: View;
}

export type Value = Constant | Features;

export const isFeatures = (value: Value | undefined): value is Features =>
  value !== undefined && "layer" in value;
