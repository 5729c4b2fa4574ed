import type { Q4Weights } from "../matmul-q4.reference";
import type { MatMulQ4Shape } from "../matmul-q4";
import { noise, seededRandom } from "./random";

/** Random weights; those behind the end of K are not 0. */
export function randomQ4Weights(
  {
    inner,
    columns,
    blockSize,
  }: Pick<MatMulQ4Shape, "inner" | "columns" | "blockSize">,
  seed: number,
): Q4Weights {
  const random = seededRandom(seed);
  const blocks = Math.ceil(inner / blockSize);
  const bytes = (length: number) =>
    Uint8Array.from({ length }, () => random() * 256);
  return {
    packed: bytes((columns * blocks * blockSize) / 2),
    scales: noise(columns * blocks, seed + 1).map((one) => one / 8),
    zeros: bytes(columns * Math.ceil(blocks / 2)),
  };
}
