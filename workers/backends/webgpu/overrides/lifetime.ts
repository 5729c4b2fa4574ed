import type { Command } from "../../../ort/capture";
import { covers, overlap, type Program, type Range } from "./program";

/** A command, and what it says if it can be read. */
export interface Step {
  readonly command: Command;
  readonly program: Program | undefined;
}

/** What becomes of what a step writes. */
export interface Life {
  /** Steps that read it, until another tensor takes its place. */
  readonly readers: readonly number[];
  /** Whether all of them are known and read nothing beside it. */
  readonly whole: boolean;
}

/**
 * The life of what step `index` writes to `range`. The runtime uses its buffers
 * again for tensors of about the same size, each of which is written before it
 * is read.
 */
export function lifeOf(
  steps: readonly Step[],
  index: number,
  range: Range,
): Life {
  const readers: number[] = [];
  for (let at = index + 1; at < steps.length; at++) {
    const program = steps[at]?.program;
    if (program === undefined) return { readers, whole: false };
    const reads = [...program.reads.values()].filter((r) => overlap(r, range));
    const writes = [...program.writes.values()].filter((w) =>
      overlap(w, range),
    );
    if (reads.length > 0) readers.push(at);
    if (!reads.every((read) => covers(range, read))) {
      return { readers, whole: false };
    }
    if (writes.some((write) => covers(write, range))) break;
    if (writes.length > 0) return { readers, whole: false };
  }
  return { readers, whole: true };
}
