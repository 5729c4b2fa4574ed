import { badOption } from "../../src/shared/errors";
import type { GenerateOptions } from "../../src/shared/protocol";
import {
  crop,
  gridSquare,
  letterbox,
  stretch,
  type Geometry,
} from "../kernels/geometry";
import { imageTokensForSize } from "../backends/backend";

/** Squares along each side of AnyRes' grid. */
const GRID = 2;

type Choice = Pick<GenerateOptions, "fit" | "anyres" | "size">;

/** How many squares of `size` pixels the encoder is given of a picture. */
export function tileCount({ anyres }: Pick<Choice, "anyres">): number {
  return anyres ? 1 + GRID * GRID : 1;
}

/** Image tokens of one image, all its tiles together. */
export function imageTokenCount(
  options: Pick<GenerateOptions, "anyres" | "size">,
): number {
  return tileCount(options) * imageTokensForSize(options.size);
}

/**
 * The squares, in the order of their tokens. AnyRes has its own way to fit: an
 * overview, stretched, then the grid's squares row by row, on black.
 */
export function tilesOf(
  width: number,
  height: number,
  { fit, anyres, size }: Choice,
): Geometry[] {
  if (!anyres) return [fitted(width, height, fit, size)];
  const squares = Array.from({ length: GRID * GRID }, (_, i) =>
    gridSquare(width, height, size, GRID, i % GRID, Math.floor(i / GRID)),
  );
  return [stretch(width, height, size), ...squares];
}

function fitted(
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
      throw badOption("fit must be letterbox, crop or stretch.");
  }
}
