import commonCode from "./matmul-q4-common.wgsl?raw";
import matmulCode from "./matmul-q4.wgsl?raw";
import rowCode from "./matmul-q4-row.wgsl?raw";
import tiledCode from "./matmul-q4-tiled.wgsl?raw";
import weightsCode from "./q4-weights.wgsl?raw";
import { unroll } from "./unroll";
import {
  storagePrelude,
  withinLimits,
  type KernelVariant,
  type StorageType,
} from "./kernel-variant";

/** y[rows][columns] = x[rows][inner] w[inner][columns] + bias, with weights of 4
 * bits in blocks of `blockSize` along `inner`. */
export interface MatMulQ4Shape {
  readonly rows: number;
  readonly inner: number;
  readonly columns: number;
  readonly blockSize: number;
  /** Whether blocks have zero points; otherwise they are 8. */
  readonly zeros: boolean;
  readonly bias: boolean;
  /** Type of x, the scales, the bias and y. */
  readonly type: StorageType;
}

/** The uniform of matmul-q4-common.wgsl. */
export function matMulQ4Uniform(
  shape: MatMulQ4Shape,
): Uint32Array<ArrayBuffer> {
  const { rows, inner, columns, blockSize, zeros, bias } = shape;
  const flags = (zeros ? 1 : 0) | (bias ? 2 : 0);
  const blocks = Math.ceil(inner / blockSize);
  return Uint32Array.of(rows, inner / 4, columns, blocks, flags);
}

/** Rows and columns of a thread; width and height of a workgroup. */
export interface Q4Tile {
  readonly ROWS: number;
  readonly COLUMNS: number;
  readonly WIDTH: number;
  readonly HEIGHT: number;
  readonly DEPTH?: number;
}

const MANY_ROWS: readonly Q4Tile[] = [
  { ROWS: 8, COLUMNS: 16, WIDTH: 4, HEIGHT: 2 },
  { ROWS: 8, COLUMNS: 8, WIDTH: 8, HEIGHT: 8 },
  { ROWS: 4, COLUMNS: 16, WIDTH: 4, HEIGHT: 4 },
];

const FEW_ROWS: readonly Q4Tile[] = [
  { ROWS: 1, COLUMNS: 16, WIDTH: 4, HEIGHT: 1 },
  { ROWS: 1, COLUMNS: 4, WIDTH: 16, HEIGHT: 1 },
];

const TILED: readonly Q4Tile[] = [
  { ROWS: 4, COLUMNS: 4, WIDTH: 16, HEIGHT: 8, DEPTH: 8 },
  { ROWS: 4, COLUMNS: 4, WIDTH: 16, HEIGHT: 16, DEPTH: 8 },
  { ROWS: 4, COLUMNS: 4, WIDTH: 8, HEIGHT: 8, DEPTH: 8 },
];

/** The width of a workgroup splits K. */
const SPLIT: readonly Q4Tile[] = [
  { ROWS: 1, COLUMNS: 4, WIDTH: 16, HEIGHT: 4 },
  { ROWS: 1, COLUMNS: 2, WIDTH: 32, HEIGHT: 4 },
  { ROWS: 1, COLUMNS: 4, WIDTH: 8, HEIGHT: 8 },
];

/** Rows from which the tiles for few rows are too small. */
const MANY = 4;

/** All variants for a product; none if K is not a multiple of 8. Bindings: x, w,
 * scales, zeros, bias, y and `matMulQ4Uniform`. */
export function matMulQ4Variants(
  shape: MatMulQ4Shape,
  limits: GPUSupportedLimits,
): KernelVariant[] {
  const { rows, inner, blockSize } = shape;
  if (inner % 8 !== 0 || blockSize % 8 !== 0) return [];
  const make = (tiles: readonly Q4Tile[], name: string, code: string) =>
    tiles
      .filter((tile) => rows >= tile.ROWS && fits(tile, limits))
      .map((tile) => variant(shape, tile, name, code));
  const inRegisters = rows < MANY ? FEW_ROWS : MANY_ROWS;
  const others =
    rows === 1
      ? make(SPLIT, "matmul-q4-row", rowCode)
      : make(TILED, "matmul-q4-tiled", tiledCode);
  return withinLimits(
    [...make(inRegisters, "matmul-q4", matmulCode), ...others],
    limits,
  );
}

function fits(tile: Q4Tile, limits: GPUSupportedLimits): boolean {
  const { ROWS, COLUMNS, WIDTH, HEIGHT, DEPTH } = tile;
  const vectors =
    DEPTH === undefined ? 0 : (HEIGHT * ROWS + WIDTH * COLUMNS) * (DEPTH + 1);
  return (
    WIDTH * HEIGHT <= limits.maxComputeInvocationsPerWorkgroup &&
    vectors * 16 <= limits.maxComputeWorkgroupStorageSize
  );
}

function variant(
  { rows, inner, columns, blockSize, type }: MatMulQ4Shape,
  tile: Q4Tile,
  name: string,
  code: string,
): KernelVariant {
  const { ROWS, COLUMNS, WIDTH, HEIGHT, DEPTH } = tile;
  const splitsInner = code === rowCode;
  const constants = {
    ...tile,
    HALVES: 2,
    WORDS: blockSize / 8,
    EDGE: inner % blockSize === 0 ? 0 : 1,
  };
  const sizes = [`${ROWS}x${COLUMNS}`, `${WIDTH}x${HEIGHT}`, DEPTH ?? []];
  const [wide, high] = splitsInner
    ? [columns / (COLUMNS * HEIGHT), 1]
    : [columns / (COLUMNS * WIDTH), rows / (ROWS * HEIGHT)];
  return {
    family: rows === 1 ? `${name} of one row` : name,
    kernel: {
      label: [name, ...sizes.flat()].join(" "),
      code:
        storagePrelude(type) +
        unroll(weightsCode + commonCode + code, constants),
    },
    workgroups: [Math.ceil(wide), Math.ceil(high), 1],
  };
}
