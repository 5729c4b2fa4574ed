import type { Command } from "../../../ort/command-recorder";
import {
  covers,
  overlap,
  type BufferRange,
  type ShaderProgram,
} from "./ort-shader";

/** A recorded command, with its program if its shader can be read. */
export interface RecordedStep {
  readonly command: Command;
  readonly program: ShaderProgram | undefined;
}

interface TensorLifetime {
  /** Indices of the steps that read the tensor before it is overwritten. */
  readonly readers: readonly number[];
  /** False if a reader is unknown, or reads more than the tensor. */
  readonly complete: boolean;
}

/**
 * The lifetime of the tensor that step `index` writes to `range`. ORT reuses
 * buffers for tensors of about the same size; each is written before it is read.
 */
export function lifetimeOf(
  steps: readonly RecordedStep[],
  index: number,
  range: BufferRange,
): TensorLifetime {
  const readers: number[] = [];
  for (const [i, { program }] of steps.entries()) {
    if (i <= index) continue;
    if (program === undefined) return { readers, complete: false };
    const reads = [...program.reads.values()].filter((read) =>
      overlap(read, range),
    );
    const writes = [...program.writes.values()].filter((write) =>
      overlap(write, range),
    );
    if (reads.length > 0) readers.push(i);
    if (!reads.every((read) => covers(range, read))) {
      return { readers, complete: false };
    }
    if (writes.some((write) => covers(write, range))) break;
    if (writes.length > 0) return { readers, complete: false };
  }
  return { readers, complete: true };
}
