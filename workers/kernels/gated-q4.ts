import commonCode from "./gated-q4-common.wgsl?raw";
import gatedCode from "./gated-q4.wgsl?raw";
import rowCode from "./gated-q4-row.wgsl?raw";
import type { MatMulQ4Shape, Q4Tile } from "./matmul-q4";
import weightsCode from "./q4-weights.wgsl?raw";
import { at } from "../util/assert";
import { unroll } from "./unroll";
import {
  storagePrelude,
  withinLimits,
  type KernelVariant,
} from "./kernel-variant";

/** silu(z gate) * (z up) of one row, with z = norm(x + skip) * gamma. The zero point
 * of the weights is 8. */
export interface GatedQ4Shape extends Pick<
  MatMulQ4Shape,
  "inner" | "columns" | "blockSize" | "type"
> {
  readonly epsilon: number;
}

/** The uniform of gated-q4-common.wgsl. */
export function gatedQ4Uniform(shape: GatedQ4Shape): Uint32Array<ArrayBuffer> {
  const { inner, columns, blockSize } = shape;
  const epsilon = at(new Uint32Array(Float32Array.of(shape.epsilon).buffer), 0);
  const blocks = Math.ceil(inner / blockSize);
  return Uint32Array.of(inner / 4, columns, blocks, epsilon);
}

type Tile = Pick<Q4Tile, "COLUMNS" | "WIDTH" | "HEIGHT">;

const IN_REGISTERS: readonly Tile[] = [
  { COLUMNS: 8, WIDTH: 4, HEIGHT: 1 },
  { COLUMNS: 4, WIDTH: 16, HEIGHT: 1 },
];

/** The width of a workgroup splits K. */
const SPLIT: readonly Tile[] = [
  { COLUMNS: 2, WIDTH: 16, HEIGHT: 4 },
  { COLUMNS: 2, WIDTH: 32, HEIGHT: 4 },
  { COLUMNS: 4, WIDTH: 8, HEIGHT: 8 },
];

const STORAGE_BUFFERS = 9;

/** All variants; none if K is not a multiple of 8. Bindings: x, skip, gamma, gate,
 * its scales, up, its scales, y, `gatedQ4Uniform` and x + skip. */
export function gatedQ4Variants(
  shape: GatedQ4Shape,
  limits: GPUSupportedLimits,
): KernelVariant[] {
  const { inner, columns, blockSize, type } = shape;
  if (inner % 8 !== 0 || blockSize % 8 !== 0) return [];
  if (limits.maxStorageBuffersPerShaderStage < STORAGE_BUFFERS) return [];
  const make = (tiles: readonly Tile[], name: string, code: string) =>
    tiles
      .filter(({ WIDTH, HEIGHT }) => {
        return WIDTH * HEIGHT <= limits.maxComputeInvocationsPerWorkgroup;
      })
      .map((tile): KernelVariant => {
        const { COLUMNS, WIDTH, HEIGHT } = tile;
        const constants = {
          ...tile,
          HALVES: 2,
          WORDS: blockSize / 8,
          EDGE: inner % blockSize === 0 ? 0 : 1,
        };
        const wide = COLUMNS * (code === rowCode ? HEIGHT : WIDTH);
        return {
          family: name,
          kernel: {
            label: `${name} ${COLUMNS} ${WIDTH}x${HEIGHT}`,
            code:
              storagePrelude(type) +
              unroll(weightsCode + commonCode + code, constants),
          },
          workgroups: [Math.ceil(columns / wide), 1, 1],
        };
      });
  return withinLimits(
    [
      ...make(IN_REGISTERS, "gated-q4", gatedCode),
      ...make(SPLIT, "gated-q4-row", rowCode),
    ],
    limits,
  );
}
