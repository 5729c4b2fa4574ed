import convolutionCode from "./convolution.wgsl?raw";
import { epilogueFlags, type Epilogue } from "./epilogue";
import epilogueCode from "./epilogue.wgsl?raw";
import { unroll } from "./unroll";
import {
  storagePrelude,
  withinLimits,
  type KernelVariant,
  type StorageType,
} from "./kernel-variant";

/** A convolution with a square kernel, into [outHeight, outWidth, channels]. */
export interface Convolution extends Epilogue {
  readonly width: number;
  readonly height: number;
  readonly outWidth: number;
  readonly outHeight: number;
  /** Output channels. */
  readonly channels: number;
  readonly kernel: number;
  readonly stride: number;
  /** Padding before the first column and row. */
  readonly left: number;
  readonly top: number;
  readonly type: StorageType;
}

/** The uniform of convolution.wgsl. */
export function convolutionUniform(
  shape: Convolution,
): Uint32Array<ArrayBuffer> {
  const { width, height, channels, outWidth, outHeight, left, top } = shape;
  const fields = [width, height, channels / 4, outWidth, outHeight];
  return Uint32Array.of(...fields, left, top, epilogueFlags(shape));
}

/** Outputs of a thread in a row; width (in vectors of 4 channels) and height of a
 * workgroup. */
const TILES = [
  { RUN: 4, WIDTH: 4, HEIGHT: 16 },
  { RUN: 4, WIDTH: 32, HEIGHT: 2 },
  { RUN: 1, WIDTH: 32, HEIGHT: 2 },
];

/** With larger ones the weights and inputs of a row do not fit in registers. */
const MAX_KERNEL = 9;
const MAX_STRIDE = 4;

/** Variants of convolution.wgsl for all tiles. `loadCode` reads the input. */
export function convolutionVariants(
  shape: Convolution,
  name: string,
  loadCode: string,
  planes: number,
  limits: GPUSupportedLimits,
): KernelVariant[] {
  const { channels, kernel, stride, type } = shape;
  if (channels % 4 !== 0 || kernel > MAX_KERNEL || stride > MAX_STRIDE) {
    return [];
  }
  const variants = TILES.filter(({ RUN }) => RUN <= shape.outWidth).map(
    (tile) => {
      const { RUN, WIDTH, HEIGHT } = tile;
      const all = {
        ...tile,
        PLANES: planes,
        KERNEL: kernel,
        STRIDE: stride,
        SPAN: stride * (RUN - 1) + kernel,
      };
      return {
        family: name,
        kernel: {
          label: `${name} ${kernel}/${stride} ${RUN} ${WIDTH}x${HEIGHT}`,
          code:
            storagePrelude(type) +
            unroll(epilogueCode + loadCode + convolutionCode, all),
        },
        workgroups: [
          Math.ceil(channels / 4 / WIDTH),
          Math.ceil(shape.outWidth / (RUN * HEIGHT)),
          shape.outHeight,
        ] as const,
      };
    },
  );
  return withinLimits(variants, limits);
}
