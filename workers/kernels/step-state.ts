import advanceCode from "./step-state.wgsl?raw";
import embedCode from "./embed-row.wgsl?raw";
import halfCode from "./half.wgsl?raw";
import { encode, prepare, type Dispatch } from "./kernel";
import type { SamplerState } from "./sampler-state";

type Float = "float32" | "float16";

/** Embeddings of tokens, as a file has them. */
export interface Table {
  readonly width: number;
  /** Of its numbers, of blocks of their scales. */
  readonly type: Float;
  /** Of what the table is said to give. */
  readonly outputType: Float;
  readonly data: GPUBuffer;
  readonly blocks?: TableBlocks;
}

/** Each number is (number - zero) * scale of its block. */
export interface TableBlocks {
  readonly bits: number;
  readonly signed: boolean;
  /** Numbers of a row that share a scale and a zero. */
  readonly size: number;
  readonly scales: GPUBuffer;
  /** In as many bits as the numbers. */
  readonly zeros?: GPUBuffer;
  /** Whether the zeros of each row begin with a whole byte; without zeros,
   * whether the middle of the range is zero. */
  readonly padded: boolean;
}

/** What the next step of a decoder reads. */
export interface NextStep {
  /** One row. */
  readonly embeds: GPUBuffer;
  readonly type: Float;
  readonly seqlens: GPUBuffer;
  readonly total: GPUBuffer;
}

const THREADS = 64;

/**
 * What was picked into the answer, and its embedding and the lengths into the
 * next step's inputs: steps follow one another without the processor.
 */
export class StepState {
  readonly #dispatches: readonly Dispatch[];

  constructor(
    device: GPUDevice,
    state: SamplerState,
    table: Table,
    { embeds, type, seqlens, total }: NextStep,
  ) {
    const { picked, draft, ids, used } = state;
    const { width, data, blocks } = table;
    const bound = (buffers: readonly GPUBuffer[]): GPUBufferBinding[] =>
      buffers.map((buffer) => ({ buffer }));
    const constants = {
      WIDTH: width,
      BITS: table.type === "float16" ? 16 : 32,
      TO_HALVES: type === "float16" ? 1 : 0,
      ROUNDED: [table.type, table.outputType].includes("float16") ? 1 : 0,
      ...(blocks && constantsOf(blocks, table)),
    };
    this.#dispatches = [
      prepare(
        device,
        { label: "advance", code: advanceCode },
        bound([picked, draft, ids, used, seqlens, total]),
        [1, 1, 1],
      ),
      prepare(
        device,
        { label: "embed-row", code: halfCode + embedCode, constants },
        // Where there are no blocks, something has to be bound for them.
        bound([
          ids,
          data,
          blocks?.scales ?? data,
          blocks?.zeros ?? data,
          embeds,
        ]),
        [Math.ceil(width / 2 / THREADS), 1, 1],
      ),
    ];
  }

  encode(pass: GPUComputePassEncoder): void {
    for (const dispatch of this.#dispatches) encode(pass, dispatch);
  }
}

function constantsOf(
  { bits, signed, size, zeros, padded }: TableBlocks,
  { width, type }: Table,
): Record<string, number> {
  const each = 8 / bits;
  const count = Math.ceil(width / size);
  return {
    BITS: bits,
    SIGNED: signed ? 1 : 0,
    SIZE: size,
    HALF_SCALES: type === "float16" ? 1 : 0,
    HAS_ZEROS: zeros === undefined ? 0 : 1,
    ZERO: padded ? 2 ** (bits - 1) : 0,
    ZEROS: padded ? Math.ceil(count / each) * each : count,
  };
}
