import { sourceRange, type ResizeWeights } from "./resize-weights";

/** A rectangle of the output and the rectangle of the image that it reads. */
export interface ResizeTile {
  readonly column: number;
  readonly row: number;
  readonly columns: number;
  readonly rows: number;
  readonly sourceColumn: number;
  readonly sourceRow: number;
  readonly sourceColumns: number;
  readonly sourceRows: number;
}

interface Span {
  readonly at: number;
  readonly length: number;
  readonly source: number;
  readonly sourceLength: number;
}

/** Cuts one axis so that no piece reads more than `limit` pixels, if it has more
 * than one output. */
function cut(table: ResizeWeights, size: number, limit: number): Span[] {
  const spans: Span[] = [];
  for (let at = 0, end: number; at < size; at = end) {
    let range = sourceRange(table, at, at + 1);
    for (end = at + 1; end < size; end++) {
      const wider = sourceRange(table, at, end + 1);
      if (wider[1] - wider[0] > limit) break;
      range = wider;
    }
    const sourceLength = range[1] - range[0];
    spans.push({ at, length: end - at, source: range[0], sourceLength });
  }
  return spans;
}

/**
 * Tiles that cover the output. Each reads a part of the image that fits in a
 * texture of `maxSide` x `maxSide` and, where possible, has at most `maxPixels`.
 * A camera frame is one tile.
 */
export function cutIntoTiles(
  tableX: ResizeWeights,
  tableY: ResizeWeights,
  size: number,
  maxSide: number,
  maxPixels: number,
): ResizeTile[] {
  const columns = cut(tableX, size, maxSide);
  // Between the passes a tile has as many columns as its output.
  const widest = Math.max(
    ...columns.map(({ length, sourceLength }) =>
      Math.max(length, sourceLength),
    ),
  );
  const maxRows = Math.min(
    maxSide,
    Math.max(1, Math.floor(maxPixels / widest)),
  );
  return cut(tableY, size, maxRows).flatMap((y) =>
    columns.map((x) => ({
      column: x.at,
      row: y.at,
      columns: x.length,
      rows: y.length,
      sourceColumn: x.source,
      sourceRow: y.source,
      sourceColumns: x.sourceLength,
      sourceRows: y.sourceLength,
    })),
  );
}
