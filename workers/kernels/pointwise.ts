import { epilogueCode, flagsOf, type Epilogue } from "./epilogue";
import headCode from "./pointwise-head.wgsl?raw";
import registersCode from "./pointwise.wgsl?raw";
import rowCode from "./pointwise-row.wgsl?raw";
import tiledCode from "./pointwise-tiled.wgsl?raw";
import { storageType, type StorageType } from "./storage-type";
import { unroll } from "./unroll";
import { possible, type Variant } from "./variant";

/** y[rows][columns] = act(x[rows][inner] w[inner][columns] + bias) + skip */
export interface Pointwise extends Epilogue {
  readonly rows: number;
  readonly inner: number;
  readonly columns: number;
  readonly type: StorageType;
}

/** The uniform: rows, vectors in a row of x and of y, flags. */
export function pointwiseSize(of: Pointwise): Uint32Array<ArrayBuffer> {
  return Uint32Array.of(of.rows, of.inner / 4, of.columns / 4, flagsOf(of));
}

interface Tile {
  readonly ROWS: number;
  readonly QUADS: number;
  readonly WIDTH: number;
  readonly HEIGHT: number;
  readonly DEPTH?: number;
}

/** Rows and quads of a thread; width and height of a workgroup. */
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

/**
 * Every way that suits, to be tried on the adapter; none for odd widths.
 * Buffers: x, w, bias, skip, y and `pointwiseSize`.
 */
export function pointwiseVariants(
  of: Pointwise,
  limits: GPUSupportedLimits,
): Variant[] {
  if (of.inner % 4 !== 0 || of.columns % 4 !== 0) return [];
  const make = (tiles: readonly Tile[], name: string, code: string) =>
    tiles
      .filter(({ ROWS }) => of.rows >= ROWS)
      .filter((tile) => fits(tile, of.type, limits))
      .map((tile) => variant(of, tile, name, code));
  const inRegisters = make(IN_REGISTERS, "pointwise", registersCode);
  const others =
    of.rows === 1
      ? make(SPLIT, "pointwise-row", rowCode)
      : make(TILED, "pointwise-tiled", tiledCode);
  return possible([...inRegisters, ...others], limits);
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
  { rows, columns, type }: Pointwise,
  tile: Tile,
  name: string,
  code: string,
): Variant {
  const { ROWS, QUADS, WIDTH, HEIGHT, DEPTH } = tile;
  const constants = { ...tile, FOUR: 4 };
  const shape = [`${ROWS}x${4 * QUADS}`, `${WIDTH}x${HEIGHT}`, DEPTH ?? []];
  // A single row's height splits K, not the rows.
  const high = rows === 1 ? 1 : Math.ceil(rows / (ROWS * HEIGHT));
  return {
    family: rows === 1 ? `${name} of one row` : name,
    kernel: {
      label: [name, ...shape.flat()].join(" "),
      code:
        storageType(type) + unroll(epilogueCode + headCode + code, constants),
    },
    workgroups: [Math.ceil(columns / 4 / (QUADS * WIDTH)), high, 1],
  };
}
