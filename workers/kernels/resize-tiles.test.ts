import { expect, test } from "vitest";
import { letterbox } from "./resize-geometry";
import { makeResizeWeights, sourceRange } from "./resize-weights";
import { cutIntoTiles } from "./resize-tiles";

function tilesOf(
  width: number,
  height: number,
  size: number,
  maxSide = 8192,
  maxPixels = 1 << 24,
) {
  const geometry = letterbox(width, height, size);
  const x = makeResizeWeights(geometry.x, size);
  const y = makeResizeWeights(geometry.y, size);
  return { x, y, tiles: cutIntoTiles(x, y, size, maxSide, maxPixels) };
}

test("a camera's frame is one tile", () => {
  const { tiles } = tilesOf(3840, 2160, 1024);
  expect(tiles).toHaveLength(1);
  expect(tiles[0]).toMatchObject({ sourceColumns: 3840, sourceRows: 2160 });
});

for (const [width, height, size] of [
  [20000, 300, 256],
  [300, 20000, 256],
  [9000, 9000, 2048],
  [65535, 1, 64],
  [1, 65535, 64],
] as const) {
  test(`${String(width)}x${String(height)} to ${String(size)} is covered once by tiles that fit`, () => {
    const { x, y, tiles } = tilesOf(width, height, size);
    const covered = new Uint8Array(size * size);
    for (const tile of tiles) {
      expect(tile.sourceColumns).toBeLessThanOrEqual(8192);
      expect(tile.sourceRows).toBeLessThanOrEqual(8192);
      const ends = [tile.column + tile.columns, tile.row + tile.rows] as const;
      const columns = sourceRange(x, tile.column, ends[0]);
      const rows = sourceRange(y, tile.row, ends[1]);
      expect([tile.sourceColumn, tile.sourceRow]).toEqual([
        columns[0],
        rows[0],
      ]);
      for (let row = tile.row; row < ends[1]; row++) {
        for (let column = tile.column; column < ends[0]; column++) {
          const at = row * size + column;
          covered[at] = (covered[at] ?? 0) + 1;
        }
      }
    }
    expect(covered.every((times) => times === 1)).toBe(true);
  });
}

test("bounds the size of the intermediate buffer", () => {
  const { tiles } = tilesOf(9, 65535, 2048, 32768);
  for (const { columns, sourceRows } of tiles) {
    expect(columns * sourceRows).toBeLessThanOrEqual(1 << 24);
  }
});
