/** Positions of the cache that one run of a graph computes. */
export interface Chunk {
  readonly from: number;
  readonly to: number;
  /** Length of the graph; beyond `to` it computes what nobody reads. */
  readonly length: number;
}

/** Most logits of one prefill: a draft and the token before it. */
export const MOST_ROWS = 64;

/** Most positions of a prompt in one run: what a graph computes between its
 * operators stays allocated. */
export const LONGEST = 512;

/** Length of the longest graph: a draft goes with the last of its prompt. */
export const LONGEST_GRAPH = LONGEST + MOST_ROWS;

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

/** Rows of logits of a graph, for so many that are wanted: few sizes, as each
 * is a capture of its own. */
export function rowsFor(wanted: number): number {
  return [1, 16].find((rows) => wanted <= rows) ?? MOST_ROWS;
}

/**
 * How to compute the positions from `from` to `to`, the last `together` of
 * them, a prompt's last and its draft, in one run. That has room for all rows
 * that `rowsFor` gives: a prompt ends in one of three graphs, however long its
 * drafts are. `room`: positions that the cache may ever have; where the graph
 * would write beyond, it begins earlier and computes some anew.
 */
export function chunksOf(
  from: number,
  to: number,
  together: number,
  room: number,
): Chunk[] {
  const chunks: Chunk[] = [];
  const last = to - together;
  let at = from;
  for (; last - at >= LONGEST; at += LONGEST) {
    chunks.push(placed(at, at + LONGEST, LONGEST, room));
  }
  chunks.push(placed(at, to, last - at + rowsFor(together), room));
  return chunks;
}

function placed(
  from: number,
  to: number,
  positions: number,
  room: number,
): Chunk {
  const length = Math.min(lengthFor(positions), room);
  return { from: Math.min(from, room - length), to, length };
}
