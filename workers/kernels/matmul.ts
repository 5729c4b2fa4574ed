import { epilogueFlags, type Epilogue } from "./epilogue";
import epilogueCode from "./epilogue.wgsl?raw";
import commonCode from "./matmul-common.wgsl?raw";
import matmulCode from "./matmul.wgsl?raw";
import rowCode from "./matmul-row.wgsl?raw";
import tiledCode from "./matmul-tiled.wgsl?raw";
import { unroll } from "./unroll";
import {
  storagePrelude,
  withinLimits,
  type KernelVariant,
  type StorageType,
} from "./kernel-variant";

/** y[rows][columns] = act(x[rows][inner] w[inner][columns] + bias) + skip */
export interface MatMulShape extends Epilogue {
  readonly rows: number;
  readonly inner: number;
  readonly columns: number;
  readonly type: StorageType;
}

/** The uniform of matmul-common.wgsl. */
export function matMulUniform(shape: MatMulShape): Uint32Array<ArrayBuffer> {
  const { rows, inner, columns } = shape;
  return Uint32Array.of(rows, inner / 4, columns / 4, epilogueFlags(shape));
}

interface Tile {
  readonly ROWS: number;
  readonly QUADS: number;
  readonly WIDTH: number;
  readonly HEIGHT: number;
  readonly DEPTH?: number;
}

/** Rows and vectors of 4 columns of a thread; width and height of a workgroup. */
const IN_REGISTERS: readonly Tile[] = [
  { ROWS: 8, QUADS: 2, WIDTH: 8, HEIGHT: 8 },
  { ROWS: 8, QUADS: 1, WIDTH: 4, HEIGHT: 4 },
  { ROWS: 4, QUADS: 1, WIDTH: 16, HEIGHT: 4 },
  { ROWS: 1, QUADS: 1, WIDTH: 64, HEIGHT: 1 },
];

const TILED: readonly Tile[] = [
  { ROWS: 4, QUADS: 1, WIDTH: 16, HEIGHT: 16, DEPTH: 4 },
  { ROWS: 8, QUADS: 2, WIDTH: 8, HEIGHT: 8, DEPTH: 4 },
  { ROWS: 4, QUADS: 1, WIDTH: 8, HEIGHT: 8, DEPTH: 8 },
];

const SPLIT: readonly Tile[] = [
  { ROWS: 1, QUADS: 1, WIDTH: 32, HEIGHT: 8 },
  { ROWS: 1, QUADS: 1, WIDTH: 8, HEIGHT: 32 },
];

/** All variants for a product; none if K or N is not a multiple of 4. Bindings:
 * x, w, bias, skip, y and `matMulUniform`. */
export function matMulVariants(
  shape: MatMulShape,
  limits: GPUSupportedLimits,
): KernelVariant[] {
  if (shape.inner % 4 !== 0 || shape.columns % 4 !== 0) return [];
  const make = (tiles: readonly Tile[], name: string, code: string) =>
    tiles
      .filter(({ ROWS }) => shape.rows >= ROWS)
      .filter((tile) => fits(tile, shape.type, limits))
      .map((tile) => variant(shape, tile, name, code));
  const inRegisters = make(IN_REGISTERS, "matmul", matmulCode);
  const others =
    shape.rows === 1
      ? make(SPLIT, "matmul-row", rowCode)
      : make(TILED, "matmul-tiled", tiledCode);
  return withinLimits([...inRegisters, ...others], limits);
}

function fits(
  tile: Tile,
  type: StorageType,
  limits: GPUSupportedLimits,
): boolean {
  const { ROWS, QUADS, WIDTH, HEIGHT, DEPTH } = tile;
  const vectors =
    DEPTH === undefined
      ? 0
      : HEIGHT * ROWS * (DEPTH + 1) + 4 * DEPTH * WIDTH * QUADS;
  const bytes = vectors * (type === "float32" ? 16 : 8);
  return (
    WIDTH * HEIGHT <= limits.maxComputeInvocationsPerWorkgroup &&
    bytes <= limits.maxComputeWorkgroupStorageSize
  );
}

function variant(
  { rows, columns, type }: MatMulShape,
  tile: Tile,
  name: string,
  code: string,
): KernelVariant {
  const { ROWS, QUADS, WIDTH, HEIGHT, DEPTH } = tile;
  const constants = { ...tile, FOUR: 4 };
  const sizes = [`${ROWS}x${4 * QUADS}`, `${WIDTH}x${HEIGHT}`, DEPTH ?? []];
  // For a single row the height of a workgroup splits K.
  const high = rows === 1 ? 1 : Math.ceil(rows / (ROWS * HEIGHT));
  return {
    family: rows === 1 ? `${name} of one row` : name,
    kernel: {
      label: [name, ...sizes.flat()].join(" "),
      code:
        storagePrelude(type) +
        unroll(epilogueCode + commonCode + code, constants),
    },
    workgroups: [Math.ceil(columns / 4 / (QUADS * WIDTH)), high, 1],
  };
}
