import headCode from "./convolution-head.wgsl?raw";
import { epilogueCode, flagsOf, type Epilogue } from "./epilogue";
import { storageType, type StorageType } from "./storage-type";
import { unroll } from "./unroll";
import { possible, type Variant } from "./variant";

/** A square window that goes over a picture, into [height, width, channels]. */
export interface Convolution extends Epilogue {
  readonly width: number;
  readonly height: number;
  readonly outWidth: number;
  readonly outHeight: number;
  /** Of the result. */
  readonly channels: number;
  readonly kernel: number;
  readonly stride: number;
  /** Zeros before the first column and row. */
  readonly left: number;
  readonly top: number;
  readonly type: StorageType;
}

/** The uniform of convolution-head.wgsl. */
export function convolutionSize(of: Convolution): Uint32Array<ArrayBuffer> {
  const { width, height, channels, outWidth, outHeight, left, top } = of;
  const fields = [width, height, channels / 4, outWidth, outHeight];
  return Uint32Array.of(...fields, left, top, flagsOf(of));
}

/** Places of a thread; width (in quads of channels) and height of a workgroup. */
const TILES = [
  { RUN: 4, WIDTH: 4, HEIGHT: 16 },
  { RUN: 4, WIDTH: 32, HEIGHT: 2 },
  { RUN: 1, WIDTH: 32, HEIGHT: 2 },
];

/** Above these the weights and places of a row leave the registers. */
const MAX_KERNEL = 9;
const MAX_STRIDE = 4;

/** `code` for each of the tiles, with `constants` of its own. */
export function convolutionVariants(
  of: Convolution,
  name: string,
  code: string,
  constants: Readonly<Record<string, number>>,
  limits: GPUSupportedLimits,
): Variant[] {
  const { channels, kernel, stride, type } = of;
  if (channels % 4 !== 0 || kernel > MAX_KERNEL || stride > MAX_STRIDE) {
    return [];
  }
  const variants = TILES.filter(({ RUN }) => RUN <= of.outWidth).map((tile) => {
    const { RUN, WIDTH, HEIGHT } = tile;
    const all = {
      ...tile,
      ...constants,
      KERNEL: kernel,
      STRIDE: stride,
      SPAN: stride * (RUN - 1) + kernel,
    };
    return {
      family: name,
      kernel: {
        label: `${name} ${kernel}/${stride} ${RUN} ${WIDTH}x${HEIGHT}`,
        code: storageType(type) + unroll(epilogueCode + headCode + code, all),
      },
      workgroups: [
        Math.ceil(channels / 4 / WIDTH),
        Math.ceil(of.outWidth / (RUN * HEIGHT)),
        of.outHeight,
      ] as const,
    };
  });
  return possible(variants, limits);
}
