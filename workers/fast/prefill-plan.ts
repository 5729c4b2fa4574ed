/** Positions of the cache that one run of a graph computes. */
export interface Chunk {
  readonly from: number;
  readonly to: number;
  /** Length of the graph; beyond `to` it computes what nobody reads. */
  readonly length: number;
}

/** Longest graph: what it computes between its operators stays allocated. */
export const LONGEST = 512;

/** Most logits of one prefill: a draft and the token before it. */
export const MOST_ROWS = 64;

/**
 * The length of a graph for so many positions. Each length is a capture of its
 * own, each position beyond those asked for is wasted: at most seven, or an
 * eighth.
 */
export function lengthFor(positions: number): number {
  if (positions <= 4) return 2 ** Math.ceil(Math.log2(positions));
  const power = 2 ** Math.floor(Math.log2(positions));
  const step = Math.max(8, power / 8);
  return Math.ceil(positions / step) * step;
}

/** Rows of logits of a graph, for so many that are wanted. */
export function rowsFor(wanted: number): number {
  return wanted === 1 ? 1 : Math.max(8, 2 ** Math.ceil(Math.log2(wanted)));
}

/**
 * How to compute the positions from `from` to `to`, the last `together` of
 * them in one run. `room`: positions that the cache may ever have; where the
 * graph would write beyond, it begins earlier and computes some anew.
 */
export function chunksOf(
  from: number,
  to: number,
  together: number,
  room: number,
): Chunk[] {
  const chunks: Chunk[] = [];
  for (let at = from; at < to;) {
    const left = to - at;
    const count = left <= LONGEST ? left : Math.min(LONGEST, left - together);
    chunks.push(placed(at, at + count, room));
    at += count;
  }
  return chunks;
}

function placed(from: number, to: number, room: number): Chunk {
  const length = Math.min(lengthFor(to - from), room);
  return { from: Math.min(from, room - length), to, length };
}
