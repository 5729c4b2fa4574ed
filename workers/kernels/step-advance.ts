import acceptTokensCode from "./accept-tokens.wgsl?raw";
import embedRowCode from "./embed-row.wgsl?raw";
import float16Code from "./float16.wgsl?raw";
import { encode, prepare, type KernelDispatch } from "./kernel";
import type { StorageType } from "./kernel-variant";
import type { SamplerState } from "./sampler-state";

/** The embedding table, in the number format of its file. */
export interface GpuEmbeddingTable {
  /** Numbers in a row. */
  readonly width: number;
  /** Type of the numbers, or of the scales of blocks. */
  readonly type: StorageType;
  /** Type of the graph's output. */
  readonly outputType: StorageType;
  /** All rows: in several buffers where one would be too large to bind. */
  readonly parts: readonly GpuTablePart[];
  readonly blocks?: GpuEmbeddingBlocks;
}

interface GpuTablePart {
  readonly data: GPUBuffer;
  /** Index of its first row in the table. */
  readonly first: number;
  readonly rows: number;
}

/** Quantised numbers: each is (number - zero) * scale of its block. */
interface GpuEmbeddingBlocks {
  readonly bits: number;
  readonly signed: boolean;
  /** Numbers of a row that share a scale and a zero point. */
  readonly size: number;
  readonly scales: GPUBuffer;
  /** Zero points, packed like the numbers. */
  readonly zeros?: GPUBuffer;
  /** The zero point where there are no `zeros`. */
  readonly zero: number;
  /** Whether the zero points of each row start at a whole byte. */
  readonly padded: boolean;
}

/** Inputs of a decoder step. */
interface StepInputs {
  /** [1, 1, width]. */
  readonly embeds: GPUBuffer;
  readonly type: StorageType;
  readonly seqlens: GPUBuffer;
  readonly total: GPUBuffer;
}

const THREADS = 64;

/**
 * Appends the sampled tokens to the answer and writes the inputs of the next
 * decoder step: steps follow one another without the CPU.
 */
export class StepAdvance {
  readonly #dispatches: readonly KernelDispatch[];

  constructor(
    device: GPUDevice,
    state: SamplerState,
    table: GpuEmbeddingTable,
    { embeds, type, seqlens, total }: StepInputs,
  ) {
    const { picked, draft, ids, used } = state;
    const { width, parts, blocks } = table;
    const bindings = (buffers: readonly GPUBuffer[]): GPUBufferBinding[] =>
      buffers.map((buffer) => ({ buffer }));
    const constants = {
      WIDTH: width,
      BITS: table.type === "float16" ? 16 : 32,
      TO_HALVES: type === "float16" ? 1 : 0,
      ROUNDED: [table.type, table.outputType].includes("float16") ? 1 : 0,
      ...(blocks && blockConstants(blocks, table)),
    };
    this.#dispatches = [
      prepare(
        device,
        { label: "accept-tokens", code: acceptTokensCode },
        bindings([picked, draft, ids, used, seqlens, total]),
        [1, 1, 1],
      ),
      // The part that has the row writes it.
      ...parts.map(({ data, first, rows }) => {
        const part = { ...constants, FIRST: first, ROWS: rows };
        const code = float16Code + embedRowCode;
        // Without blocks the bindings of scales and zeros are not read.
        const [scales, zeros] = [blocks?.scales ?? data, blocks?.zeros ?? data];
        return prepare(
          device,
          { label: "embed-row", code, constants: part },
          bindings([ids, data, scales, zeros, embeds]),
          [Math.ceil(width / 2 / THREADS), 1, 1],
        );
      }),
    ];
  }

  encode(pass: GPUComputePassEncoder): void {
    for (const dispatch of this.#dispatches) encode(pass, dispatch);
  }
}

function blockConstants(
  { bits, signed, size, zeros, zero, padded }: GpuEmbeddingBlocks,
  { width, type }: GpuEmbeddingTable,
): Record<string, number> {
  const perByte = 8 / bits;
  const blocks = Math.ceil(width / size);
  return {
    BITS: bits,
    SIGNED: signed ? 1 : 0,
    SIZE: size,
    HALF_SCALES: type === "float16" ? 1 : 0,
    HAS_ZEROS: zeros === undefined ? 0 : 1,
    ZERO: zero,
    ZEROS: padded ? Math.ceil(blocks / perByte) * perByte : blocks,
  };
}
