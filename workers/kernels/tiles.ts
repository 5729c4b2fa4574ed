import { sourceRange, type ResizeWeights } from "./resize-weights";

/** A rectangle of the output and the rectangle of the picture it reads. */
export interface Tile {
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

/** Cuts one axis so that no piece reads more than `limit` pixels; a single
 * output's own window is the least there can be. */
function cut(taps: ResizeWeights, side: number, limit: number): Span[] {
  const spans: Span[] = [];
  for (let at = 0, end: number; at < side; at = end) {
    let range = sourceRange(taps, at, at + 1);
    for (end = at + 1; end < side; end++) {
      const wider = sourceRange(taps, at, end + 1);
      if (wider[1] - wider[0] > limit) break;
      range = wider;
    }
    const sourceLength = range[1] - range[0];
    spans.push({ at, length: end - at, source: range[0], sourceLength });
  }
  return spans;
}

/**
 * Tiles that cover the output, each reading a part of the picture that fits in
 * a texture of `maxSide` a side and, where possible, `maxPixels` in all. A
 * camera's frame is one tile.
 */
export function makeTiles(
  tapsX: ResizeWeights,
  tapsY: ResizeWeights,
  side: number,
  maxSide: number,
  maxPixels: number,
): Tile[] {
  const columns = cut(tapsX, side, maxSide);
  // Of the rows read, those of the output's width are kept between the passes.
  const widest = Math.max(
    ...columns.map(({ length, sourceLength }) =>
      Math.max(length, sourceLength),
    ),
  );
  const maxRows = Math.min(
    maxSide,
    Math.max(1, Math.floor(maxPixels / widest)),
  );
  return cut(tapsY, side, maxRows).flatMap((y) =>
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
