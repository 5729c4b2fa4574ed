import { badOption } from "../../src/shared/errors";
import { describeValue } from "../../src/shared/options";
import type { GenerateOptions } from "../../src/shared/protocol";
import {
  crop,
  gridSquare,
  letterbox,
  stretch,
  type Geometry,
} from "../kernels/resize-geometry";
import { imageTokensForSize } from "../backends/backend";

/** Rows and columns of the AnyRes grid. */
const GRID = 2;

type TilingOptions = Pick<GenerateOptions, "fit" | "anyres" | "size">;

/** Image tokens of one image, all its views together. */
export function imageTokenCount({
  anyres,
  size,
}: Pick<TilingOptions, "anyres" | "size">): number {
  const views = anyres ? 1 + GRID * GRID : 1;
  return views * imageTokensForSize(size);
}

/**
 * The square views of an image, in the order of their tokens. AnyRes ignores
 * `fit`: a stretched overview, then the tiles of the grid row by row, on black
 * (FastVLM, arXiv 2412.13303, section AnyRes).
 */
export function viewsOf(
  width: number,
  height: number,
  { fit, anyres, size }: TilingOptions,
): Geometry[] {
  if (!anyres) return [fitImage(width, height, fit, size)];
  const tiles = Array.from({ length: GRID * GRID }, (_, i) =>
    gridSquare(width, height, size, GRID, i % GRID, Math.floor(i / GRID)),
  );
  return [stretch(width, height, size), ...tiles];
}

function fitImage(
  width: number,
  height: number,
  fit: GenerateOptions["fit"],
  size: number,
): Geometry {
  switch (fit) {
    case "letterbox":
      return letterbox(width, height, size);
    case "crop":
      return crop(width, height, size);
    case "stretch":
      return stretch(width, height, size);
    default:
      throw badOption(
        `fit must be letterbox, crop or stretch, not ${describeValue(fit)}.`,
      );
  }
}
