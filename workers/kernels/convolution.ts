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

/** Outputs of a thread in a row; width (in values of channels) and height of a
 * workgroup. */
interface Tile {
  readonly RUN: number;
  readonly WIDTH: number;
  readonly HEIGHT: number;
}

/** For values of four channels. */
const FOUR: readonly Tile[] = [
  { RUN: 4, WIDTH: 4, HEIGHT: 16 },
  { RUN: 8, WIDTH: 4, HEIGHT: 4 },
  { RUN: 4, WIDTH: 32, HEIGHT: 2 },
  { RUN: 1, WIDTH: 32, HEIGHT: 2 },
];

const ONE: readonly Tile[] = [
  { RUN: 8, WIDTH: 16, HEIGHT: 4 },
  { RUN: 4, WIDTH: 16, HEIGHT: 4 },
];

/** The types of values of four channels, and of one. */
const VALUES = {
  four: `alias Value = vec4f;
alias StoredValue = vec4<Stored>;
const VALUES = 1u;
fn activated(v: Value) -> Value { return activate(v, size.flags); }
`,
  one: `alias Value = f32;
alias StoredValue = Stored;
const VALUES = 4u;
fn activated(v: Value) -> Value { return activate(vec4f(v), size.flags).x; }
`,
};

/** How values of four channels and of one, if it is supported, read the input. */
interface LoadCode {
  readonly four: string;
  readonly one?: string;
}

/** With larger ones the weights and inputs of a row do not fit in registers. */
const MAX_KERNEL = 9;
const MAX_STRIDE = 4;

/** Variants of convolution.wgsl for all tiles. */
export function convolutionVariants(
  shape: Convolution,
  name: string,
  loadCode: LoadCode,
  planes: number,
  limits: GPUSupportedLimits,
): KernelVariant[] {
  const { channels, kernel, stride, type } = shape;
  if (channels % 4 !== 0 || kernel > MAX_KERNEL || stride > MAX_STRIDE) {
    return [];
  }
  const make = (
    tiles: readonly Tile[],
    family: string,
    lanes: 1 | 4,
    code: string,
  ): KernelVariant[] =>
    tiles
      .filter(({ RUN }) => RUN <= shape.outWidth)
      .map((tile) => {
        const { RUN, WIDTH, HEIGHT } = tile;
        const all = {
          ...tile,
          PLANES: planes,
          KERNEL: kernel,
          STRIDE: stride,
          SPAN: stride * (RUN - 1) + kernel,
        };
        return {
          family,
          kernel: {
            label: `${family} ${kernel}/${stride} ${RUN} ${WIDTH}x${HEIGHT}`,
            code:
              storagePrelude(type) +
              unroll(epilogueCode + code + convolutionCode, all),
          },
          workgroups: [
            Math.ceil(channels / lanes / WIDTH),
            Math.ceil(shape.outWidth / (RUN * HEIGHT)),
            shape.outHeight,
          ],
        };
      });
  const { four, one } = loadCode;
  return withinLimits(
    [
      ...make(FOUR, name, 4, VALUES.four + four),
      ...(one === undefined
        ? []
        : make(ONE, `${name}-single`, 1, VALUES.one + one)),
    ],
    limits,
  );
}
